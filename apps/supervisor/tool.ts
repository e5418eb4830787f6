import type { SandboxOutcome } from '../../activities/sandbox/supervisor-protocol.js';
import type { CallOutput } from './call-output.js';

/** Why a running call is stopped; the reason of its abort signal. */
export type StopReason = 'timed_out' | 'interrupted';

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

export const stopReason = (signal: AbortSignal): StopReason => (signal.reason === 'timed_out' ? 'timed_out' : 'interrupted');
