import type { SandboxOutcome } from '../../activities/sandbox/supervisor-protocol.js';
import type { CallOutput } from './call-output.js';

/** Why a running call is stopped; the reason of its abort signal. A limit that was reached says which, for the model. */
export type StopReason = 'timed_out' | 'interrupted' | LimitReached;

export interface LimitReached {
  readonly limit: string;
}

export interface ToolContext {
  /** Aborted with a StopReason when the caller cancels or `timeoutMs` is over. */
  readonly signal: AbortSignal;
  /** Starts the time limit; a tool that queues does so when its turn comes. */
  readonly startClock: (limitMs: number) => void;
  readonly timeoutMs: number;
  readonly output: CallOutput;
}

/** Runs one call whose input is already valid. Throws for a failure the model should read as the tool's own error. */
export type Tool<Input> = (input: Input, context: ToolContext) => Promise<SandboxOutcome>;

/** How a stopped call ended, as its outcome says it. */
export const stopStatus = (signal: AbortSignal): 'timed_out' | 'interrupted' | 'completed' => {
  const reason = signal.reason as StopReason;
  if (typeof reason === 'object' && 'limit' in reason) return 'completed';
  return reason === 'timed_out' ? 'timed_out' : 'interrupted';
};

/** The limit that a call was stopped for, if it was. */
export const limitReached = (signal: AbortSignal): string | undefined => {
  const reason = signal.reason as StopReason | undefined;
  return typeof reason === 'object' && 'limit' in reason ? reason.limit : undefined;
};
