import type { Duplex } from 'node:stream';
import { MAX_OUTPUT_TEXT, type SupervisorReply } from '../../activities/sandbox/supervisor-protocol.js';
import type { CallOutput } from './call-output.js';

/** Output is sent in pieces no more often than this, */
const INTERVAL_MS = 50;
/** and at most so fast, as it is written on the line: far below what a worker takes for a flood. */
const BYTES_PER_SECOND = 256 * 1024;
/** Who is further behind than this goes on close to the end: live output is for watching. */
const MOST_BEHIND = 1024 * 1024;

/** The live output of one call over one channel. */
export interface OutputForwarding {
  /** Sends one more piece at once. */
  flush(): void;
  stop(): void;
}

/** Sends a call's output from an offset on, in order, as fast as the reader and the limits allow. Never holds the call up. */
export function forwardOutput(options: {
  readonly channel: Duplex;
  readonly callId: string;
  readonly output: CallOutput;
  readonly from: number;
  /** False when the channel is full. */
  readonly send: (reply: SupervisorReply) => boolean;
}): OutputForwarding {
  const { channel, callId, output, send } = options;
  let sent = options.from;
  let blocked = false;
  let timer: NodeJS.Timeout | undefined;

  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (blocked || output.total <= sent) return;
    if (output.total - sent > MOST_BEHIND) sent = output.total - MAX_OUTPUT_TEXT;
    const { offset, end, text } = output.read(sent, MAX_OUTPUT_TEXT);
    if (text === '') return;
    sent = end;
    const isOpen = send({ type: 'output', call_id: callId, offset, text });
    const weight = Buffer.byteLength(JSON.stringify(text));
    timer = setTimeout(again, Math.max(INTERVAL_MS, (weight / BYTES_PER_SECOND) * 1000));
    if (isOpen) return;
    blocked = true;
    channel.once('drain', resume);
  };
  const again = () => {
    timer = undefined;
    flush();
  };
  const schedule = () => {
    if (!blocked) timer ??= setTimeout(again, INTERVAL_MS);
  };
  const resume = () => {
    blocked = false;
    schedule();
  };
  const unsubscribe = output.subscribe(schedule);
  flush();

  return {
    flush,
    stop: () => {
      unsubscribe();
      channel.off('drain', resume);
      clearTimeout(timer);
    },
  };
}
