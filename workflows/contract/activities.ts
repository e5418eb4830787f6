import type { EndCause } from './stop.js';

/**
 * The ports of the session workflow. Everything here goes into Temporal's history: ids, counters and verdicts only,
 * never an argument, a prompt or an output.
 */
export interface SessionActivities {
  /** Takes inputs, asks the model once, appends what it said. One retry-safe step. */
  callModel(input: CallModelInput): Promise<CallModelResult>;
  /** Runs one tool call to its result. */
  runTool(input: RunToolInput): Promise<RunToolResult | Elsewhere>;
  /** Applies decisions and client results to the calls that wait for them, and says what still waits. */
  settle(input: SettleInput): Promise<SettleResult>;
  /** Closes what is open (interrupt, limit, failure), or reads where a session stands after a dead run. */
  seal(input: SealInput): Promise<SealResult>;
  /** Makes files of what the agent wrote to its outputs folder. Safe to repeat and to cut short at any time. */
  collectOutputs(input: SessionRef): Promise<{ readonly files: number } | Elsewhere>;
  /** Ends the session's sandbox; its workspace stays. Does nothing when a newer epoch is open: the sandbox is in use again. */
  releaseSandbox(input: ReleaseSandboxInput): Promise<Elsewhere | undefined>;
}

/** Another host has the session's sandbox, or is to have it: what was asked for is to be asked there. */
export interface Elsewhere {
  readonly kind: 'elsewhere';
  /** That host's own. */
  readonly taskQueue: string;
}

export interface SessionRef {
  readonly sessionId: string;
  readonly workspaceId: string;
}

export interface StepRef extends SessionRef {
  /** `null` on the first effect of a run: the activity then opens a new epoch. */
  readonly epoch: number | null;
  readonly step: number;
}

export interface ReleaseSandboxInput extends SessionRef {
  /** The epoch of the run that gives the sandbox back; null where the session has ended for good. */
  readonly epoch: number | null;
}

export type CallModelInput = StepRef;

/** What must happen to a call before it has a result. */
export type Gate =
  /** It may run now. */
  | 'run'
  /** A person must decide. */
  | 'ask'
  /** The client sends the result. */
  | 'client';

/** A call without a result. */
export interface OpenCall {
  readonly id: string;
  /** 1, 2, … within its step. */
  readonly ordinal: number;
  readonly name: string;
  readonly gate: Gate;
  /** Whether it may change the workspace; such calls run one after another, in the model's order. */
  readonly serial: boolean;
  /** It runs without a sandbox: an MCP server's tool, or one of Rondo's own. */
  readonly remote?: true;
  /** Milliseconds since the epoch; then an undecided call is denied. */
  readonly decideBy?: number;
}

export interface TurnLimits {
  readonly maxSteps: number;
  readonly maxTokens?: number;
  /** Milliseconds since the epoch. */
  readonly deadline?: number;
}

/** How far the current turn has come. */
export interface TurnProgress {
  readonly turn: number;
  /** Model requests answered in this turn. */
  readonly steps: number;
  /** Input and output tokens of this turn. */
  readonly tokens: number;
  readonly limits: TurnLimits;
}

/** Where a session stands, as far as the loop must know it. */
export interface Standing {
  readonly epoch: number;
  readonly step: number;
  readonly progress: TurnProgress;
  readonly calls: readonly OpenCall[];
  /** Decisions or client results have been accepted and not applied yet. */
  readonly answersWaiting: boolean;
  /** The model owes an answer, or inputs wait. */
  readonly modelDue: boolean;
}

export type CallModelResult =
  | {
      readonly kind: 'replied';
      readonly epoch: number;
      readonly step: number;
      readonly progress: TurnProgress;
      readonly calls: readonly OpenCall[];
      /** The turn goes on with another model request even without open calls (rejected calls, queued inputs). */
      readonly modelDue: boolean;
      /** Equal for replies that make exactly the same calls with the same inputs; absent without calls. */
      readonly callsDigest?: string;
      readonly inputTokens: number;
      readonly outputTokens: number;
    }
  /** There was nothing to ask: idle, or calls are still open. */
  | ({ readonly kind: 'standing' } & Standing)
  /** An interrupt, a kill or another run came first. */
  | { readonly kind: 'superseded' }
  | { readonly kind: 'failed'; readonly cause: EndCause };

export interface RunToolInput extends SessionRef {
  readonly epoch: number;
  readonly step: number;
  readonly callId: string;
  readonly remote?: true;
}

export type RunToolResult =
  | { readonly kind: 'done'; readonly outcome: 'completed' | 'timed_out' | 'interrupted' | 'lost'; readonly isError: boolean }
  | { readonly kind: 'superseded' }
  | { readonly kind: 'failed'; readonly cause: EndCause };

/** A decision that came by Temporal's own door. */
export interface OperatorDecision {
  readonly toolUseId: string;
  readonly result: 'allow' | 'deny';
  readonly denyMessage?: string;
  /** A name the operator gave; nobody checked it. */
  readonly by?: string;
  /** Why it cannot be taken; it is only recorded. */
  readonly problem?: string;
}

export interface SettleInput extends SessionRef {
  readonly epoch: number;
  readonly decisions: readonly OperatorDecision[];
  /** Deny what had to be decided by then: the workflow's time, in milliseconds since the epoch. */
  readonly expireBy: number | null;
}

export type SettleResult =
  | {
      readonly kind: 'settled';
      readonly calls: readonly OpenCall[];
      readonly modelDue: boolean;
      /** Decisions that changed nothing, with the reason. */
      readonly rejected: readonly { readonly toolUseId: string; readonly reason: string }[];
    }
  | { readonly kind: 'superseded' };

export interface SealInput extends SessionRef {
  /** `null`: look only (a dead run, a superseded step). */
  readonly cause: EndCause | null;
  /** The epoch the cause belongs to, null before the run knew one; a newer one in the row means the cause is overtaken. */
  readonly epoch: number | null;
}

export type SealResult = ({ readonly kind: 'standing' } & Standing) | { readonly kind: 'terminated' };

/** The workflow's start argument. */
export interface SessionInput extends SessionRef {
  readonly settings: SessionSettings;
  readonly carry?: SessionCarry;
}

export interface SessionSettings {
  /** Idle time after which a run closes, in milliseconds. */
  readonly idleCloseMs: number;
  /** History length at which a run continues as new. */
  readonly rollOverEvents: number;
  readonly approveBySignal: boolean;
}

/** What a run hands to its successor. `schema` names the layout; each released one keeps a reader. */
export interface SessionCarry {
  readonly schema: 1;
  readonly state: unknown;
}
