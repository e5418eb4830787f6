import type { TestGateway } from './gateway.fixture.js';
import { KEY } from './gateway.fixture.js';

export interface ReceivedFrame {
  readonly event: string;
  readonly id: number | undefined;
  readonly data: { readonly type: string; readonly id?: string; readonly [field: string]: unknown };
}

/** A stream as a client reads it, frame by frame. */
export async function openStream(
  gateway: TestGateway,
  path: string,
  options: { readonly headers?: Readonly<Record<string, string>>; readonly post?: unknown } = {},
) {
  const abort = new AbortController();
  const response = await fetch(`${gateway.url}${path}`, {
    headers: { authorization: `Bearer ${KEY}`, accept: 'application/json', 'content-type': 'application/json', ...options.headers },
    ...(options.post === undefined ? {} : { method: 'POST', body: JSON.stringify(options.post) }),
    signal: abort.signal,
  });
  if (!response.body) throw new Error('The answer has no body.');
  const frames = readFrames(response.body);
  const next = async (): Promise<ReceivedFrame> => {
    const { value, done } = await frames.next();
    if (done) throw new Error('The stream ended.');
    return value;
  };
  return {
    response,
    next,
    /** Frames up to and with the first of this name. */
    async until(event: string): Promise<ReceivedFrame[]> {
      const seen: ReceivedFrame[] = [];
      do seen.push(await next());
      while (seen.at(-1)?.event !== event);
      return seen;
    },
    /** All frames until the server ends the stream. */
    async rest(): Promise<ReceivedFrame[]> {
      const seen: ReceivedFrame[] = [];
      for await (const frame of frames) seen.push(frame);
      return seen;
    },
    close: () => abort.abort(),
  };
}

async function* readFrames(body: ReadableStream<Uint8Array>): AsyncGenerator<ReceivedFrame, undefined> {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const field = (name: string) =>
        part
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2);
      const id = field('id');
      yield { event: field('event') ?? '', id: id === undefined ? undefined : Number(id), data: JSON.parse(field('data') ?? 'null') };
    }
  }
}
