import type { Duplex } from 'node:stream';
import { RondoError } from '../../workflows/contract/errors.js';
import type { ToolOutcome } from '../../workflows/contract/schema/tool-outcome.js';
import { isWithdrawn } from '../withdrawal.js';
import { createBindingRequests, type SandboxBinding } from './binding-request.js';
import { createFileTransfers, type SandboxFiles } from './file-transfers.js';
import { createHeldClocks } from './held-clock.js';
import { createLineSplitter } from './lines.js';
import {
  MAX_LINE_BYTES,
  MAX_OUTCOME_TEXT,
  PROTOCOL_VERSION,
  type SandboxOutcome,
  type SupervisorErrorCode,
  SupervisorReply,
  type SupervisorRequest,
  textOutcome,
} from './supervisor-protocol.js';

export interface SupervisorCall {
  /** The tool-use id: repeating it attaches to the running call or returns the recorded outcome. */
  readonly callId: string;
  readonly name: string;
  readonly input: unknown;
  readonly timeoutMs: number;
  /**
   * Aborting cancels the call inside the sandbox and resolves to an `interrupted` outcome. A withdrawal leaves it running
   * and rejects with that reason.
   */
  readonly signal?: AbortSignal;
  /** Output as it is printed. `offset` (bytes of the whole output) may jump forward when the reader was too slow. */
  readonly onOutput?: (text: string, offset: number) => void;
  /** Where the output passed on is to begin, in bytes. Default 0. */
  readonly outputFrom?: number;
}

export interface SupervisorClient extends SandboxFiles {
  /** Id of the supervisor process on the other side; another one after it was restarted. */
  readonly bootId: string;
  /** While this is true, a call is really sent. */
  readonly isOpen: boolean;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  /** Makes the sandbox a session's, before its first call. Errors: `sandbox.failed`. */
  bind(binding: SandboxBinding): Promise<void>;
  /**
   * Rejects with `sandbox.failed` when the channel breaks, the supervisor falls silent or the call is overdue (attach
   * again and repeat the call), with `request.conflict` when the id was used for another call.
   */
  call(call: SupervisorCall): Promise<ToolOutcome>;
  /** Whether the clocks of calls stand still; undefined until it is said on this connection. */
  readonly isHeld: boolean | undefined;
  /** Stops the clocks of all calls, those that start later too, or lets them go on. Nobody answers. */
  hold(held: boolean): void;
  /** Ends every call and everything they started; the model reads `reason`. Nobody answers. */
  stopWork(reason: string): void;
  /** Cancels a call that somebody else may be waiting for; nobody answers. */
  cancel(callId: string): void;
  close(): void;
}

export interface SupervisorClientOptions {
  /** How the sandbox is called in error messages. */
  readonly sandbox: string;
  /** For the supervisor's first word; it may still be starting. Default 15 s. */
  readonly helloTimeoutMs?: number;
  /** While calls run, a silence of twice this long counts as a broken supervisor. Default 10 s. */
  readonly pingIntervalMs?: number;
  /** How long an aborted call waits for the supervisor's confirmation. Default 2 s. */
  readonly cancelGraceMs?: number;
  /** How long after its own time limit a call is given up. Default 30 s. */
  readonly overdueMs?: number;
  /** How long a file may make no progress. Default 60 s. */
  readonly stallMs?: number;
}

/** What a supervisor may send before it counts as a flood meant to keep the worker busy. */
const ALLOWED_BYTES = { atOnce: 16 * 1024 * 1024, perCall: MAX_LINE_BYTES, perSecond: 1024 * 1024 };

interface PendingCall {
  readonly onOutput: SupervisorCall['onOutput'];
  readonly settle: (result: ToolOutcome | RondoError) => void;
}

/** Says hello over a fresh channel to a supervisor. Nothing it answers is trusted: all is validated and bounded. */
export async function connectSupervisor(channel: Duplex, options: SupervisorClientOptions): Promise<SupervisorClient> {
  const { sandbox, helloTimeoutMs = 15_000, pingIntervalMs = 10_000, cancelGraceMs = 2_000, overdueMs = 30_000, stallMs = 60_000 } = options;
  const pending = new Map<string, PendingCall>();
  const clocks = createHeldClocks();
  let isHeld: boolean | undefined;
  const split = createLineSplitter(MAX_LINE_BYTES);
  const hello = Promise.withResolvers<string>();
  const closed = Promise.withResolvers<void>();
  let failure: RondoError | undefined;
  let heardAt = performance.now();
  let allowance = ALLOWED_BYTES.atOnce;
  let watchdog: NodeJS.Timeout | undefined;
  let watchers = 0;

  const fail = (reason: string, cause?: unknown) => {
    if (failure !== undefined) return;
    failure = new RondoError('sandbox.failed', `The connection to sandbox ${sandbox} ended: ${reason}. Attach again and repeat the call under its id.`, {
      cause,
    });
    clearInterval(watchdog);
    channel.destroy();
    hello.reject(failure);
    closed.resolve();
    for (const call of [...pending.values()]) call.settle(failure);
    binding.end(failure);
    transfers.end(failure);
  };

  const send = (request: SupervisorRequest) => {
    const line = `${JSON.stringify(request)}\n`;
    if (failure === undefined) channel.write(line);
  };

  const receive = (reply: SupervisorReply) => {
    switch (reply.type) {
      case 'hello':
        if (reply.version === PROTOCOL_VERSION) return hello.resolve(reply.boot_id);
        return fail(`its supervisor speaks version ${reply.version} of the protocol, this worker version ${PROTOCOL_VERSION}`);
      case 'pong':
        return;
      case 'bound':
        return binding.bound();
      case 'output':
        return pending.get(reply.call_id)?.onOutput?.(reply.text, reply.offset);
      case 'result':
        return pending.get(reply.call_id)?.settle(bounded(reply.outcome));
      case 'error':
        if (reply.call_id === undefined) return fail(`it refused a request (${reply.code})`);
        return pending.get(reply.call_id)?.settle(refusal(sandbox, reply.call_id, reply.code, reply.message));
      default:
        return transfers.receive(reply);
    }
  };

  const binding = createBindingRequests(sandbox, send);

  channel.on('data', (chunk: Buffer) => {
    const now = performance.now();
    allowance += ((now - heardAt) / 1000) * ALLOWED_BYTES.perSecond - chunk.length;
    heardAt = now;
    if (allowance < 0) return fail('it sent more than any result can have');
    try {
      for (const line of split(chunk)) receive(SupervisorReply.parse(JSON.parse(line)));
    } catch (error) {
      fail('it sent something that is not the protocol', error);
    }
  });
  channel.on('error', (error) => fail(error.message, error));
  channel.on('end', () => fail('it was closed by the other side'));
  channel.on('close', () => fail('it was closed'));

  const checkSilence = () => {
    if (performance.now() - heardAt > 2 * pingIntervalMs) return fail('the supervisor does not answer');
    send({ type: 'ping' });
  };
  const watch = () => {
    watchers += 1;
    if (watchdog !== undefined || failure !== undefined) return;
    heardAt = performance.now();
    watchdog = setInterval(checkSilence, pingIntervalMs);
  };
  const unwatch = () => {
    watchers -= 1;
    if (watchers > 0) return;
    clearInterval(watchdog);
    watchdog = undefined;
  };

  const transfers = createFileTransfers({
    sandbox,
    stallMs,
    send,
    expect: (bytes) => {
      allowance += bytes;
    },
    fail,
    failure: () => failure,
    during(work) {
      watch();
      return work().finally(unwatch);
    },
  });

  send({ type: 'hello' });
  const helloTimer = setTimeout(() => fail(`no answer within ${helloTimeoutMs} ms`), helloTimeoutMs);
  const bootId = await hello.promise.finally(() => clearTimeout(helloTimer));

  return {
    ...transfers.files,
    bootId,
    get isOpen() {
      return failure === undefined;
    },
    closed: closed.promise,
    bind: (to) => (failure === undefined ? binding.bind(to) : Promise.reject(failure)),
    call({ callId, name, input, timeoutMs, signal, onOutput, outputFrom = 0 }) {
      if (failure !== undefined) return Promise.reject(failure);
      if (isWithdrawn(signal)) return Promise.reject(signal?.reason);
      if (signal?.aborted) return Promise.resolve(textOutcome('interrupted', 'Interrupted before it was started; nothing was run.'));
      const request: SupervisorRequest = { type: 'call', call_id: callId, name, input, timeout_ms: timeoutMs, ...(onOutput && { output_from: outputFrom }) };
      if (Buffer.byteLength(JSON.stringify(request)) >= MAX_LINE_BYTES) {
        return Promise.resolve(textOutcome('completed', `${name}: the input is larger than ${MAX_LINE_BYTES} bytes; nothing was run.`));
      }
      if (pending.has(callId)) return Promise.reject(new RondoError('request.conflict', `Call ${callId} is already being waited for on this connection.`));

      return new Promise<ToolOutcome>((resolve, reject) => {
        let grace: NodeJS.Timeout | undefined;
        const overdue = clocks.start(timeoutMs + overdueMs, () => settle(overdueFailure(sandbox, callId, timeoutMs)));
        const cancel = () => {
          if (isWithdrawn(signal)) return settle(signal?.reason);
          send({ type: 'cancel', call_id: callId });
          grace = setTimeout(
            () => settle(textOutcome('interrupted', 'Interrupted. The sandbox did not confirm in time, so parts of the call may still run.')),
            cancelGraceMs,
          );
        };
        const settle = (result: ToolOutcome | RondoError) => {
          clearTimeout(grace);
          overdue.end();
          signal?.removeEventListener('abort', cancel);
          if (pending.delete(callId)) unwatch();
          if (result instanceof RondoError) reject(result);
          else resolve(result);
        };
        pending.set(callId, { onOutput, settle });
        signal?.addEventListener('abort', cancel, { once: true });
        allowance += ALLOWED_BYTES.perCall;
        watch();
        send(request);
      });
    },
    get isHeld() {
      return isHeld;
    },
    hold(held) {
      if (held === isHeld) return;
      isHeld = held;
      clocks.hold(held);
      send({ type: 'hold', held });
    },
    stopWork: (reason) => send({ type: 'stop_work', reason }),
    cancel: (callId) => send({ type: 'cancel', call_id: callId }),
    close: () => fail('it was closed on this side'),
  };
}

const overdueFailure = (sandbox: string, callId: string, timeoutMs: number): RondoError =>
  new RondoError('sandbox.failed', `Sandbox ${sandbox} did not end call ${callId} at its time limit of ${timeoutMs} ms.`);

function refusal(sandbox: string, callId: string, code: SupervisorErrorCode, message: string): RondoError {
  const text = `Sandbox ${sandbox} refused call ${callId} (${code}): ${message}`;
  switch (code) {
    case 'conflict':
      return new RondoError('request.conflict', text);
    case 'unknown_tool':
    case 'invalid_request':
      return new RondoError('request.invalid', text);
    case 'journal_failed':
    case 'busy':
      return new RondoError('sandbox.failed', text);
  }
}

function bounded(outcome: SandboxOutcome): ToolOutcome {
  const text = outcome.content.reduce((sum, block) => sum + (block.type === 'text' ? block.text.length : 0), 0);
  if (text <= MAX_OUTCOME_TEXT) return outcome;
  return textOutcome(outcome.status, `The result had ${text} characters, more than the ${MAX_OUTCOME_TEXT} that are accepted, and was dropped.`);
}
