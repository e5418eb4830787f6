import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { OpenCall, SessionInput, SessionRef } from '../contract/activities.js';
import { SEARCH_ATTRIBUTES } from '../contract/names.js';
import type { EndCause } from '../contract/stop.js';
import { carry, restore } from './carry.js';
import { currentDetails, describe, keepLines } from './details.js';
import { approve, approveUpdate, cannotDecide, interrupt, stateQuery, toDecision, wake } from './messages.js';
import { activities } from './proxies.js';
import { apply, begin, type Effect, nextEffect, type Outcome } from './turn.js';

const DOOR_CLOSED = 'this door is closed (RONDO_APPROVE_BY_SIGNAL=off)';
const STATUS = defineSearchAttributeKey(SEARCH_ATTRIBUTES.status, 'KEYWORD');

/**
 * One session: takes inputs, asks the model, runs tools, until nothing is left to do. Holds ids and counters; the content
 * is in the log. A run closes after an idle quarter of an hour and is rebuilt from rows at the next input.
 */
export async function sessionWorkflow(input: SessionInput): Promise<void> {
  const ref: SessionRef = { sessionId: input.sessionId, workspaceId: input.workspaceId };
  const { settings } = input;
  let { state, lines } = restore(input.carry);
  let running: CancellationScope | undefined;
  let shownStatus = '';

  setHandler(wake, () => {
    state = { ...state, wake: true };
  });
  setHandler(interrupt, () => {
    state = { ...state, wake: true, look: true };
    running?.cancel();
  });
  setHandler(
    approve,
    (message) => {
      const decision = toDecision(message);
      const problem = settings.approveBySignal ? decision.problem : DOOR_CLOSED;
      state = { ...state, decisions: [...state.decisions, problem ? { ...decision, problem } : decision] };
    },
    { description: 'Allow or deny a waiting tool call: {"tool_use_id":"sevt_…","result":"allow"|"deny","by":"your name"}' },
  );
  setHandler(
    approveUpdate,
    async (message) => {
      const decision = toDecision(message);
      state = { ...state, decisions: [...state.decisions, decision] };
      await condition(() => !state.calls.some((call) => call.id === decision.toolUseId && call.gate === 'ask'));
      return decision.result;
    },
    {
      description: 'The same as signal approve, with an answer.',
      validator: (message) => {
        const problem = settings.approveBySignal ? cannotDecide(state, message) : DOOR_CLOSED;
        if (problem) throw ApplicationFailure.nonRetryable(problem, 'approval.rejected');
      },
    },
  );
  setHandler(stateQuery, () => state);

  const show = (status: string) => {
    setCurrentDetails(currentDetails(state, status, lines));
    if (status === shownStatus) return;
    shownStatus = status;
    upsertSearchAttributes([{ key: STATUS, value: status }]);
  };

  /** Runs work that an interrupt, or the turn's deadline, may cut short. */
  const interruptible = async (work: () => Promise<Outcome>): Promise<Outcome> => {
    const scope = new CancellationScope();
    let cause: EndCause | null = null;
    const deadline = state.progress?.limits.deadline;
    const clock = new CancellationScope();
    running = scope;
    if (deadline !== undefined) {
      void clock
        .run(() => sleep(Math.max(1, deadline - Date.now())))
        .then(
          () => {
            cause = 'max_seconds';
            scope.cancel();
          },
          () => undefined,
        );
    }
    try {
      return await scope.run(work);
    } catch (error) {
      if (isCancellation(error)) return { type: 'cut', cause };
      if (error instanceof Error && error.name === 'ActivityFailure') return { type: 'cut', cause: 'internal' };
      throw error;
    } finally {
      running = undefined;
      clock.cancel();
    }
  };

  const runTool = async (call: OpenCall, effect: Extract<Effect, { type: 'run_tools' }>) => ({
    callId: call.id,
    result: await activities.runTool(`${call.name} · call ${call.ordinal}`, { ...ref, epoch: effect.epoch, step: effect.step, callId: call.id }),
  });

  const perform = async (effect: Exclude<Effect, { type: 'finish' }>): Promise<Outcome | undefined> => {
    switch (effect.type) {
      case 'call_model': {
        show('running');
        const step = (state.progress && state.modelDue ? state.progress.steps : 0) + 1;
        return interruptible(async () => ({
          type: 'model',
          result: await activities.callModel(`model · step ${step}`, { ...ref, epoch: effect.epoch, step: effect.step }),
        }));
      }
      case 'run_tools': {
        show('running');
        const inTurn = async () => {
          const results = [];
          for (const call of effect.serial) results.push(await runTool(call, effect));
          return results;
        };
        return interruptible(async () => {
          const lanes = await Promise.all([inTurn(), ...effect.parallel.map(async (call) => [await runTool(call, effect)])]);
          return { type: 'tools', results: lanes.flat() };
        });
      }
      case 'settle':
        return { type: 'settled', result: await activities.settle('approvals', { ...ref, epoch: effect.epoch, decisions: effect.decisions, expire: effect.expire }) };
      case 'seal':
        return { type: 'sealed', result: await activities.seal(effect.cause ? `seal · ${effect.cause}` : 'seal', { ...ref, epoch: effect.epoch, cause: effect.cause }) };
      case 'wait':
        return waitFor(effect);
    }
  };

  /** Undefined: something came, look again. The idle time is up: a sandbox is given back, and an idle run ends. */
  const waitFor = async (effect: Extract<Effect, { type: 'wait' }>): Promise<Outcome | undefined> => {
    show(effect.for === 'decision' ? 'requires_action' : 'idle');
    const something = () => state.wake || state.look || state.decisions.length > 0;
    const times = [
      ...(state.sandboxUsed || effect.for === 'input' ? [settings.idleCloseMs] : []),
      ...(effect.until === undefined ? [] : [effect.until - Date.now()]),
      ...(effect.for === 'decision' && state.progress?.limits.deadline !== undefined ? [state.progress.limits.deadline - Date.now()] : []),
    ];
    const came = times.length === 0 ? await condition(something).then(() => true) : await condition(something, Math.max(1, Math.min(...times)));
    const idleIsUp = !came && Math.min(...times) === settings.idleCloseMs;
    if (!idleIsUp) return undefined;
    if (state.sandboxUsed) {
      await activities.releaseSandbox(ref);
      return { type: 'sandbox_released' };
    }
    if (!something()) closing = true;
    return undefined;
  };
  let closing = false;

  while (!closing) {
    const effect = nextEffect(state, Date.now());
    if (effect.type === 'finish') break;
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    if ((historyLength > settings.rollOverEvents || continueAsNewSuggested) && allHandlersFinished()) {
      await continueAsNew<typeof sessionWorkflow>({ ...ref, settings, carry: carry({ state, lines }) });
    }
    state = begin(state, effect);
    const outcome = await perform(effect);
    if (!outcome) continue;
    state = apply(state, outcome);
    lines = keepLines(lines, describe(effect, outcome));
  }
  if (state.terminated) {
    show('terminated');
    await activities.releaseSandbox(ref);
  }
  await condition(allHandlersFinished);
}
