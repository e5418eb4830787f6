import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Frame, Protocol, ProtocolError } from './protocol.js';
import type { ScriptedReply } from './script.js';

export interface Playback {
  readonly protocol: Protocol;
  readonly reply: ScriptedReply;
  readonly frames: Iterable<Frame>;
  /** Played instead of the frame that follows `error.after_chunks`. */
  readonly midStreamError: ProtocolError | undefined;
  /** Aborted when the client went away. */
  readonly signal: AbortSignal;
  /** Breaks the connection. */
  readonly drop: () => void;
}

/** Streams a reply with its script's timing. Ends with the stream, or rejects with an `AbortError` when the client goes away. */
export async function playStream(response: ServerResponse, playback: Playback): Promise<void> {
  const { reply, protocol, signal } = playback;
  if (reply.ping_ms !== undefined) startStream(response);
  await silence(response, playback, reply.delay_ms ?? 0);
  startStream(response);
  let chunks = 0;
  for (const { bytes, isChunk } of playback.frames) {
    if (isChunk && chunks === reply.drop_after) return playback.drop();
    if (isChunk && chunks === reply.stall_after) return silence(response, playback, Number.POSITIVE_INFINITY);
    if (isChunk && chunks === reply.error?.after_chunks && playback.midStreamError) {
      response.end(protocol.errorFrame(playback.midStreamError));
      return;
    }
    if (isChunk && chunks > 0 && reply.chunk_ms) await sleep(reply.chunk_ms, undefined, { signal });
    if (isChunk) chunks += 1;
    if (!response.write(bytes)) await once(response, 'drain', { signal });
  }
  // A limit at or behind the last chunk acts at the end.
  if (reply.drop_after !== undefined) return playback.drop();
  if (reply.stall_after !== undefined) return silence(response, playback, Number.POSITIVE_INFINITY);
  response.end();
}

/** Answers a request that does not stream, with the same timing. */
export async function playDocument(response: ServerResponse, document: unknown, { reply, signal, drop }: Pick<Playback, 'reply' | 'signal' | 'drop'>): Promise<void> {
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
