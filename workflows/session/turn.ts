import type { CallModelResult, OpenCall, OperatorDecision, RunToolResult, SealResult, SettleResult, TurnProgress } from '../contract/activities.js';
import type { EndCause } from '../contract/stop.js';

/** The same calls with the same inputs, this many replies in a row, end the turn. */
export const REPEATED_CALL_LIMIT = 5;

/** Everything a run of a session knows. Plain data: it is carried over continue-as-new. */
export interface SessionState {
  /** Null until the first effect of a run has opened an epoch. */
  readonly epoch: number | null;
  readonly step: number;
  readonly progress: TurnProgress | null;
  /** Calls without a result, in the model's order. */
  readonly calls: readonly OpenCall[];
  /** The model owes an answer. */
  readonly modelDue: boolean;
  readonly repeated: { readonly digest: string; readonly times: number } | null;
  /** Why the turn must end now. */
  readonly end: EndCause | null;
  /** The rows know something this state does not: an interrupt, a kill, another run. */
  readonly look: boolean;
  /** Inputs may be waiting. */
  readonly wake: boolean;
  /** Answers to calls are in the inbox, found when the run began. */
  readonly answersWaiting: boolean;
  /** Decisions by Temporal's own door, not applied yet. */
  readonly decisions: readonly OperatorDecision[];
  /** Clients have been told which calls wait for them. */
  readonly waitAnnounced: boolean;
  readonly sandboxUsed: boolean;
  /** Calls may have written files for the session's outputs that have not been looked at. */
  readonly outputsDue: boolean;
  readonly terminated: boolean;
}

export const initialState: SessionState = {
  epoch: null,
  step: 0,
  progress: null,
  calls: [],
  modelDue: true,
  repeated: null,
  end: null,
  look: false,
  wake: false,
  answersWaiting: false,
  decisions: [],
  waitAnnounced: false,
  sandboxUsed: false,
  outputsDue: false,
  terminated: false,
};

export type Effect =
  | { readonly type: 'call_model'; readonly epoch: number | null; readonly step: number }
  | { readonly type: 'run_tools'; readonly epoch: number; readonly step: number; readonly serial: readonly OpenCall[]; readonly parallel: readonly OpenCall[] }
  | { readonly type: 'settle'; readonly epoch: number; readonly decisions: readonly OperatorDecision[]; readonly expireBy: number | null }
  | { readonly type: 'seal'; readonly epoch: number | null; readonly cause: EndCause | null }
  /** The turn is over: what the agent left in its outputs folder becomes files, unless something comes first. */
  | { readonly type: 'collect_outputs' }
  /** Nothing to do until a message comes. `until`: the nearest decision time, in milliseconds since the epoch. */
  | { readonly type: 'wait'; readonly for: 'decision' | 'input'; readonly until?: number }
  | { readonly type: 'finish' };

export type Outcome =
  | { readonly type: 'model'; readonly result: CallModelResult }
  | { readonly type: 'tools'; readonly results: readonly { readonly callId: string; readonly result: RunToolResult }[] }
  | { readonly type: 'settled'; readonly result: SettleResult }
  | { readonly type: 'sealed'; readonly result: SealResult }
  /** The effect was cut short: by an interrupt (look at the rows), or by a cause of its own. */
  | { readonly type: 'cut'; readonly cause: EndCause | null }
  | { readonly type: 'outputs_collected' }
  | { readonly type: 'sandbox_released' };

const isWaiting = (call: OpenCall): boolean => call.gate !== 'run';

/** What happens next. Pure: `now` is the workflow's time in milliseconds since the epoch. */
export function nextEffect(state: SessionState, now: number): Effect {
  if (state.terminated) return { type: 'finish' };
  if (state.look) return { type: 'seal', epoch: state.epoch, cause: null };
  const cause = state.end ?? timeUp(state, now);
  if (cause) return { type: 'seal', epoch: state.epoch, cause };
  if (state.epoch === null) return { type: 'call_model', epoch: null, step: state.step + 1 };

  const runnable = state.calls.filter((call) => !isWaiting(call));
  const waiting = state.calls.filter(isWaiting);
  const expire = waiting.some((call) => call.decideBy !== undefined && call.decideBy <= now);
  const answered = state.answersWaiting || (waiting.length > 0 && (state.wake || expire));
  if (answered || state.decisions.length > 0) return { type: 'settle', epoch: state.epoch, decisions: state.decisions, expireBy: expire ? now : null };
  if (runnable.length > 0) {
    const serial = runnable.filter((call) => call.serial);
    return { type: 'run_tools', epoch: state.epoch, step: state.step, serial, parallel: runnable.filter((call) => !call.serial) };
  }
  if (waiting.length > 0) {
    if (!state.waitAnnounced) return { type: 'settle', epoch: state.epoch, decisions: [], expireBy: null };
    const times = waiting.flatMap((call) => (call.decideBy === undefined ? [] : [call.decideBy]));
    return { type: 'wait', for: 'decision', ...(times.length > 0 ? { until: Math.min(...times) } : {}) };
  }
  if (!state.modelDue && !state.wake) return state.outputsDue ? { type: 'collect_outputs' } : { type: 'wait', for: 'input' };
  const limit = state.modelDue ? limitReached(state) : undefined;
  if (limit) return { type: 'seal', epoch: state.epoch, cause: limit };
  return { type: 'call_model', epoch: state.epoch, step: state.step + 1 };
}

function timeUp(state: SessionState, now: number): EndCause | null {
  const deadline = deadlineOf(state);
  return deadline !== undefined && deadline <= now ? 'max_seconds' : null;
}

/** Until when the turn that is under way may go on, in milliseconds since the epoch. A turn that is over has no say. */
export function deadlineOf(state: SessionState): number | undefined {
  return state.modelDue || state.calls.length > 0 ? state.progress?.limits.deadline : undefined;
}

function limitReached({ progress }: SessionState): EndCause | undefined {
  if (!progress || progress.steps === 0) return undefined;
  if (progress.steps >= progress.limits.maxSteps) return 'max_steps';
  if (progress.limits.maxTokens !== undefined && progress.tokens >= progress.limits.maxTokens) return 'max_tokens';
  return undefined;
}

/** What an effect has already taken into account once it is under way; whatever comes later counts as new. */
export function begin(state: SessionState, effect: Effect): SessionState {
  switch (effect.type) {
    case 'call_model':
    case 'settle':
      return { ...state, wake: false, ...(effect.type === 'settle' ? { decisions: [], answersWaiting: false } : {}) };
    case 'seal':
      return { ...state, look: false, wake: false };
    case 'run_tools':
      return { ...state, sandboxUsed: true, outputsDue: state.outputsDue || effect.serial.length > 0 };
    case 'collect_outputs':
    case 'wait':
    case 'finish':
      return state;
  }
}

/** The state after an effect. Pure. */
export function apply(state: SessionState, outcome: Outcome): SessionState {
  switch (outcome.type) {
    case 'model':
      return afterModel(state, outcome.result);
    case 'tools':
      return outcome.results.reduce((next, { callId, result }) => afterTool(next, callId, result), state);
    case 'settled':
      return outcome.result.kind === 'superseded'
        ? { ...state, look: true }
        : { ...state, calls: outcome.result.calls, modelDue: outcome.result.modelDue, waitAnnounced: outcome.result.calls.every(isWaiting) };
    case 'sealed':
      return outcome.result.kind === 'terminated' ? { ...state, terminated: true, calls: [] } : standing(state, outcome.result);
    case 'cut':
      return outcome.cause === null ? { ...state, look: true } : { ...state, end: outcome.cause };
    case 'outputs_collected':
      return { ...state, outputsDue: false };
    case 'sandbox_released':
      return { ...state, sandboxUsed: false };
  }
}

function afterModel(state: SessionState, result: CallModelResult): SessionState {
  switch (result.kind) {
    case 'superseded':
      return { ...state, look: true };
    case 'failed':
      return { ...state, end: result.cause };
    case 'standing':
      return standing(state, result);
    case 'replied': {
      const repeated = countRepeats(state, result.callsDigest);
      return {
        ...state,
        epoch: result.epoch,
        step: result.step,
        progress: result.progress,
        calls: result.calls,
        modelDue: result.modelDue,
        waitAnnounced: false,
        sandboxUsed: state.sandboxUsed || (state.epoch === null && result.progress.turn > 1),
        repeated,
        end: repeated && repeated.times >= REPEATED_CALL_LIMIT ? 'repeated_call' : null,
      };
    }
  }
}

function countRepeats(state: SessionState, digest: string | undefined): SessionState['repeated'] {
  if (digest === undefined) return null;
  return { digest, times: state.repeated?.digest === digest ? state.repeated.times + 1 : 1 };
}

function afterTool(state: SessionState, callId: string, result: RunToolResult): SessionState {
  if (result.kind === 'superseded') return { ...state, look: true };
  if (result.kind === 'failed') return { ...state, end: result.cause };
  const calls = state.calls.filter((call) => call.id !== callId);
  return { ...state, calls, modelDue: state.modelDue || calls.length === 0 };
}

const standing = (state: SessionState, at: Extract<SealResult, { kind: 'standing' }>): SessionState => ({
  ...state,
  epoch: at.epoch,
  step: at.step,
  progress: at.progress,
  calls: at.calls,
  modelDue: at.modelDue,
  answersWaiting: at.answersWaiting,
  waitAnnounced: false,
  repeated: null,
  end: null,
});
