import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Frame, Protocol, ProtocolError } from './protocol.js';
import type { ScriptedReply } from './script.js';

export interface Playback {
  readonly protocol: Protocol;
  readonly reply: ScriptedReply;
  readonly frames: Iterable<Frame>;
  /** What ends the stream where the script has `error.after_chunks`. */
  readonly midStreamError: ProtocolError | undefined;
  /** Aborted when the client went away. */
  readonly signal: AbortSignal;
  /** Breaks the connection. */
  readonly drop: () => void;
}

/** Streams a reply with its script's timing. Ends with the stream, or rejects with an `AbortError` when the client goes away. */
export async function playStream(response: ServerResponse, playback: Playback): Promise<void> {
  const { reply, signal } = playback;
  if (reply.ping_ms !== undefined) startStream(response);
  await silence(response, playback, reply.delay_ms ?? 0);
  startStream(response);
  const frames = [...playback.frames];
  const total = frames.filter(({ isChunk }) => isChunk).length;
  const turningPoint = turningPointOf(reply, total);
  let chunks = 0;
  for (const { bytes, isChunk } of frames) {
    if (chunks === turningPoint && (isChunk || chunks === total)) return turn(response, playback);
    if (!response.write(bytes)) await once(response, 'drain', { signal });
    if (!isChunk) continue;
    chunks += 1;
    // Even without a pause each chunk leaves on its own, as a model's would.
    await (reply.chunk_ms ? sleep(reply.chunk_ms, undefined, { signal }) : setImmediate());
  }
  response.end();
}

/** Behind how many chunks the stream goes wrong, if it does; a number beyond the last chunk means right behind it, before the answer is closed. */
function turningPointOf({ drop_after, stall_after, error }: ScriptedReply, total: number): number | undefined {
  const after = drop_after ?? stall_after ?? error?.after_chunks;
  return after === undefined ? undefined : Math.min(after, total);
}

async function turn(response: ServerResponse, playback: Playback): Promise<void> {
  const { reply, protocol, midStreamError } = playback;
  if (reply.drop_after !== undefined) playback.drop();
  else if (reply.stall_after !== undefined) await silence(response, playback, Number.POSITIVE_INFINITY);
  else if (midStreamError) response.end(protocol.errorFrame(midStreamError));
}

/** Answers a request that does not stream, with the same timing. */
export async function playDocument(
  response: ServerResponse,
  document: unknown,
  { reply, signal, drop }: Pick<Playback, 'reply' | 'signal' | 'drop'>,
): Promise<void> {
  await sleep(reply.delay_ms ?? 0, undefined, { signal });
  if (reply.drop_after !== undefined) return drop();
  if (reply.stall_after !== undefined) return untilGone(signal);
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
}

function startStream(response: ServerResponse): void {
  if (response.headersSent) return;
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  response.flushHeaders();
}

/** Says nothing for a time, but for pings where the script wants them. */
async function silence(response: ServerResponse, { protocol, reply, signal }: Playback, milliseconds: number): Promise<void> {
  const interval = reply.ping_ms;
  const ping = interval === undefined ? undefined : setInterval(() => response.write(protocol.ping), interval);
  try {
    await (Number.isFinite(milliseconds) ? sleep(milliseconds, undefined, { signal }) : untilGone(signal));
  } finally {
    clearInterval(ping);
  }
}

async function untilGone(signal: AbortSignal): Promise<void> {
  await once(signal, 'abort');
  signal.throwIfAborted();
}
