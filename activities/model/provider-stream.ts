import { RondoError } from '../../workflows/contract/errors.js';
import { createEventDecoder } from './server-sent-events.js';

export interface ProviderStreamOptions {
  /** For messages: whose answer this is. */
  readonly provider: string;
  readonly model: string;
  /** Sends the request and resolves with the head of a successful response. Aborting `signal` must close the connection. */
  readonly send: (signal: AbortSignal) => Promise<Response>;
  /** Whether this event's data looks like the last: then the connection is read to its end, so that it can be used again. */
  readonly isLast: (data: string) => boolean;
  readonly signal: AbortSignal;
  /** Milliseconds without a byte after which the connection is given up. */
  readonly stallMs: number;
}

/** How long the end of a complete answer may take before its connection is thrown away instead of kept for the next request. */
const KEEP_CONNECTION_MS = 250;

/**
 * The events of one streamed answer: the data of each, or `undefined` for bytes that completed none (a comment, a part
 * of an event). The vendors' own decoders drop pings and comments, the only signs of life of a model that thinks for
 * minutes, so the bytes are read here. Throws `model.stalled`, the reason of an aborted `signal`, or whatever `send` or
 * the connection threw. Leaving the iteration early closes the connection.
 */
export async function* streamProvider(options: ProviderStreamOptions): AsyncGenerator<string | undefined, void, undefined> {
  options.signal.throwIfAborted();
  const connection = new AbortController();
  const abort = (): void => connection.abort(options.signal.reason);
  options.signal.addEventListener('abort', abort, { once: true });
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let isComplete = false;
  try {
    const response = await inTime(options.send(connection.signal), connection, options);
    if (/^application\/json\b/i.test(response.headers.get('content-type') ?? '')) {
      // A server that knows no streaming answers with one document: it counts as one event.
      yield await inTime(response.text(), connection, options);
      return;
    }
    reader = response.body?.getReader();
    const decoder = createEventDecoder();
    while (reader !== undefined) {
      const { value, done } = await inTime(reader.read(), connection, options);
      const events = done ? decoder.end() : decoder.push(value);
      for (const data of events) {
        isComplete ||= options.isLast(data);
        yield data;
      }
      if (done) return;
      if (events.length === 0) yield undefined;
    }
  } finally {
    options.signal.removeEventListener('abort', abort);
    if (isComplete && reader !== undefined) await readToEnd(reader);
    connection.abort();
  }
}

/** Waits for `work`, which must fail once `connection` is aborted, at most `stallMs`; time that the reader spends elsewhere does not count. */
async function inTime<Result>(work: Promise<Result>, connection: AbortController, options: ProviderStreamOptions): Promise<Result> {
  let isStalled = false;
  const timer = setTimeout(() => {
    isStalled = true;
    connection.abort();
  }, options.stallMs);
  try {
    return await work;
  } catch (error) {
    options.signal.throwIfAborted();
    if (!isStalled) throw error;
    const seconds = options.stallMs / 1000;
    throw new RondoError(
      'model.stalled',
      `${options.provider} sent nothing for ${seconds} s while answering for model ${options.model}; the connection was closed.`,
    );
  } finally {
    clearTimeout(timer);
  }
}

/** A connection whose answer was read to its end is used again for the next request. */
async function readToEnd(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const end = async (): Promise<void> => {
    while (!(await reader.read()).done);
  };
  let timer: NodeJS.Timeout | undefined;
  const timeOver = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, KEEP_CONNECTION_MS);
  });
  await Promise.race([end().catch(() => undefined), timeOver]);
  clearTimeout(timer);
}
