import type { Duplex } from 'node:stream';
import { createLineSplitter } from '../../activities/sandbox/lines.js';
import { MAX_LINE_BYTES, PROTOCOL_VERSION, type SupervisorReply, SupervisorRequest } from '../../activities/sandbox/supervisor-protocol.js';
import type { Binding } from './binding.js';
import { CallRefused, type Calls } from './calls.js';
import type { Files } from './files.js';
import { forwardOutput } from './output-forwarding.js';
import { createTransfers } from './transfers.js';

/** Speaks the protocol with one worker. Ends with the channel, and so do file streams; the calls go on. */
export function serveConnection(
  channel: Duplex,
  options: { readonly calls: Calls; readonly binding: Pick<Binding, 'bind'>; readonly files: Files; readonly bootId: string },
): void {
  const split = createLineSplitter(MAX_LINE_BYTES);
  const subscriptions = new Set<() => void>();
  const send = (reply: SupervisorReply): boolean => channel.writable && channel.write(`${JSON.stringify(reply)}\n`);
  const transfers = createTransfers(options.files, send);

  const answer = (request: SupervisorRequest): void => {
    switch (request.type) {
      case 'hello':
        return void send({ type: 'hello', boot_id: options.bootId, version: PROTOCOL_VERSION });
      case 'bind':
        options.binding.bind(request.session_id, request.environment);
        return void send({ type: 'bound' });
      case 'ping':
        return void send({ type: 'pong' });
      case 'cancel':
        return options.calls.cancel(request.call_id);
      case 'hold':
        return options.calls.hold(request.held);
      case 'stop_work':
        return options.calls.stopWork(request.reason);
      case 'call':
        return attach(request);
      default:
        return transfers.receive(request);
    }
  };

  const attach = (request: Extract<SupervisorRequest, { type: 'call' }>): void => {
    const callId = request.call_id;
    const { outcome, output } = options.calls.call({
      callId,
      name: request.name,
      input: request.input,
      timeoutMs: request.timeout_ms,
    });
    const from = request.output_from;
    const forwarding = output === undefined || from === undefined ? undefined : forwardOutput({ channel, callId, output, from, send });
    if (forwarding !== undefined) subscriptions.add(forwarding.stop);
    void outcome.then((result) => {
      forwarding?.flush();
      forwarding?.stop();
      if (forwarding !== undefined) subscriptions.delete(forwarding.stop);
      send({ type: 'result', call_id: callId, outcome: result });
    });
  };

  const receive = (line: string): void => {
    const request = SupervisorRequest.safeParse(parseJson(line));
    if (!request.success) return void send({ type: 'error', code: 'invalid_request', message: request.error.message.slice(0, 1000) });
    try {
      answer(request.data);
    } catch (error) {
      if (!(error instanceof CallRefused) || request.data.type !== 'call') throw error;
      send({ type: 'error', call_id: request.data.call_id, code: error.code, message: error.message.slice(0, 1000) });
    }
  };

  channel.on('data', (chunk: Buffer) => {
    try {
      for (const line of split(chunk)) receive(line);
    } catch {
      channel.destroy();
    }
  });
  channel.on('error', () => {});
  channel.on('end', () => channel.end());
  channel.on('close', () => {
    for (const stop of subscriptions) stop();
    transfers.close();
  });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
