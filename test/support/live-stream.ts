import type { Platform } from './platform.js';
import { waitFor } from './wait-for.js';

export interface Frame {
  readonly event: string;
  readonly id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into wire objects
  readonly data: any;
}

/** A session's event stream as it comes in over HTTP. */
export interface LiveStream {
  readonly frames: readonly Frame[];
  /** Waits for a frame that matches, received or still to come. */
  find(matches: (frame: Frame) => boolean): Promise<Frame>;
  readonly ended: Promise<void>;
  close(): void;
}

export async function openStream(platform: Platform, path: string, headers: Readonly<Record<string, string>> = {}): Promise<LiveStream> {
  const abort = new AbortController();
  const response = await fetch(`${platform.url}${path}`, { headers: { authorization: `Bearer ${platform.key}`, ...headers }, signal: abort.signal });
  if (!response.ok || !response.body) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  const frames: Frame[] = [];
  const read = async (body: ReadableStream<Uint8Array>) => {
    let buffer = '';
    const decoder = new TextDecoder();
    for await (const chunk of body) {
      buffer += decoder.decode(chunk, { stream: true });
      const parts = buffer.split('\n\n');
      buffer = parts.pop() ?? '';
      for (const part of parts) {
        const frame = parseFrame(part);
        if (frame) frames.push(frame);
      }
    }
  };
  const ended = read(response.body).catch(() => undefined);
  return {
    frames,
    find: (matches) => waitFor('a frame on the stream', () => frames.find(matches)),
    ended,
    close: () => abort.abort(),
  };
}

function parseFrame(text: string): Frame | undefined {
  const fields = new Map(text.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const));
  const event = fields.get('event');
  const data = fields.get('data');
  if (!event || event === 'ping' || data === undefined) return undefined;
  return { event, id: fields.get('id'), data: JSON.parse(data) };
}
