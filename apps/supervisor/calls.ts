import { createHeldClocks, type HeldClocks } from '../../activities/sandbox/held-clock.js';
import { type SandboxOutcome, type SupervisorErrorCode, textOutcome } from '../../activities/sandbox/supervisor-protocol.js';
import { isToolName, TOOL_INPUTS, type ToolInput, type ToolName } from '../../activities/sandbox/tool-inputs.js';
import { type CallOutput, createCallOutput } from './call-output.js';
import { callDigest, type Journal } from './journal.js';
import { limitReached, type StopReason, stopStatus, type Tool } from './tool.js';

export type ToolTable = { readonly [Name in ToolName]: Tool<ToolInput<Name>> };

export interface CallRequest {
  readonly callId: string;
  readonly name: string;
  readonly input: unknown;
  readonly timeoutMs: number;
}

/** A call as a caller sees it: its outcome, and its output while it runs in this process. */
export interface AttachedCall {
  readonly outcome: Promise<SandboxOutcome>;
  readonly output: CallOutput | undefined;
}

export class CallRefused extends Error {
  readonly code: SupervisorErrorCode;
  constructor(code: SupervisorErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Calls {
  /** Runs the call, attaches to it, or answers with what the journal knows of it. Throws CallRefused. */
  call(request: CallRequest): AttachedCall;
  /** Stops the call; one that was not made yet will not run any more. */
  cancel(callId: string): void;
  /** Stops the clocks of all calls, those that come later too, or lets them go on. */
  hold(held: boolean): void;
  /** Stops all calls, and what earlier ones left running in the background; `reason` is a sentence for the model. */
  stopWork(reason: string): void;
}

interface RunningCall extends AttachedCall {
  readonly stop: (reason: StopReason) => void;
}

const MAX_RUNNING = 64;
const KEPT_OUTPUT = 100 * 1024;
const SPILL_LIMIT = 64 * 1024 * 1024;

/** At most once for every call id, whatever is repeated and whoever asks. */
export function createCalls(options: { journal: Journal; tools: ToolTable; outputDirectory: string; endBackground: (reason: string) => void }): Calls {
  const { journal, tools } = options;
  const running = new Map<string, RunningCall>();
  const clocks = createHeldClocks();

  const start = (request: CallRequest, name: ToolName): RunningCall => {
    const output = createCallOutput({
      callId: request.callId,
      directory: options.outputDirectory,
      keep: KEPT_OUTPUT,
      spillLimit: SPILL_LIMIT,
    });
    const controller = new AbortController();
    const stop = (reason: StopReason) => controller.abort(reason);
    const outcome = runTool({ tools, clocks }, name, request, output, controller).then((result) => {
      try {
        journal.finish(request.callId, result);
      } catch {
        // The disk is full. This caller gets its result; who asks again later is told that it is lost.
      }
      running.delete(request.callId);
      return result;
    });
    return { output, outcome, stop };
  };

  return {
    call(request) {
      const digest = callDigest(request.name, request.input);
      const known = journal.find(request.callId);
      if (known !== undefined) {
        if (known.digest !== undefined && known.digest !== digest) {
          throw new CallRefused('conflict', `call ${request.callId} was made before with another name or input`);
        }
        return running.get(request.callId) ?? { output: undefined, outcome: Promise.resolve(recorded(journal, request.callId)) };
      }
      const { name } = request;
      if (!isToolName(name)) throw new CallRefused('unknown_tool', `there is no tool ${JSON.stringify(name)} in a sandbox`);
      if (running.size >= MAX_RUNNING) throw new CallRefused('busy', `${MAX_RUNNING} calls are running already`);
      try {
        journal.start(request.callId, digest);
      } catch (error) {
        throw new CallRefused('journal_failed', `call ${request.callId} was not run: ${messageOf(error)}`);
      }
      const call = start(request, name);
      running.set(request.callId, call);
      return call;
    },
    hold: (held) => clocks.hold(held),
    stopWork(reason) {
      for (const call of running.values()) call.stop({ limit: reason });
      options.endBackground(reason);
    },
    cancel(callId) {
      if (journal.find(callId) !== undefined) return running.get(callId)?.stop('interrupted');
      try {
        journal.start(callId, undefined);
        journal.finish(callId, textOutcome('interrupted', 'Interrupted before it was started; nothing was run.'));
      } catch {
        // The disk is full: a call that comes later cannot be recorded either, and so is not run.
      }
    },
  };
}

function recorded(journal: Journal, callId: string): SandboxOutcome {
  const outcome = journal.outcome(callId);
  if (outcome !== undefined) return outcome;
  return journal.find(callId)?.finished === true
    ? textOutcome('lost', 'The call ran to its end, but its result is no longer kept.')
    : textOutcome('lost', 'The call was started, then the program that ran it was killed. Whether and how far it ran is unknown.');
}

async function runTool(
  { tools, clocks }: { readonly tools: ToolTable; readonly clocks: HeldClocks },
  name: ToolName,
  request: CallRequest,
  output: CallOutput,
  controller: AbortController,
): Promise<SandboxOutcome> {
  const { signal } = controller;
  let clock: ReturnType<HeldClocks['start']> | undefined;
  const context = {
    signal,
    output,
    timeoutMs: request.timeoutMs,
    startClock: (limitMs: number) => {
      clock = clocks.start(limitMs, () => controller.abort('timed_out'));
    },
  };
  try {
    const input = TOOL_INPUTS[name].safeParse(request.input);
    if (!input.success) {
      const problems = input.error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`);
      return textOutcome('completed', `${name}: invalid input: ${problems.join('; ')}`);
    }
    // The one place where a name and its input, which belong together, meet a table of both.
    const work = (tools[name] as Tool<unknown>)(input.data, context);
    // bash reports its own end, with what it printed; the others only know how to be left alone.
    return await (name === 'bash' ? work : Promise.race([work, stopped(name, signal)]));
  } catch (error) {
    return signal.aborted ? await stopped(name, signal) : textOutcome('completed', messageOf(error));
  } finally {
    clock?.end();
    output.close();
  }
}

function stopped(name: string, signal: AbortSignal): Promise<SandboxOutcome> {
  const outcome = () => {
    const status = stopStatus(signal);
    const why = { timed_out: 'stopped, its time limit was reached', interrupted: 'interrupted', completed: `stopped. ${limitReached(signal)}` };
    return textOutcome(status, `${name}: ${why[status]}`);
  };
  if (signal.aborted) return Promise.resolve(outcome());
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(outcome()), { once: true }));
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
