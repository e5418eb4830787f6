import { z } from 'zod';
import { createEventDecoder } from '../../activities/model/server-sent-events.js';

/** A frame of the stream: any object with a type; what else is in it depends on the type. */
const Frame = z.looseObject({ type: z.string() });
export type Frame = z.infer<typeof Frame>;

export const Invocation = z.looseObject({
  id: z.string(),
  session_id: z.string(),
  status: z.string(),
  stop_reason: z.looseObject({ type: z.string() }).nullable(),
  output_text: z.string().nullable(),
  usage: z.object({ input_tokens: z.number(), output_tokens: z.number(), cache_read_input_tokens: z.number(), cache_creation_input_tokens: z.number() }),
  steps: z.number(),
  cold_start_ms: z.number().nullable(),
  links: z.looseObject({ session: z.string(), trace: z.string(), temporal_ui: z.string().optional() }),
});
export type Invocation = z.infer<typeof Invocation>;

const Last = z.object({ invocation: Invocation });

/** `POST /v1/invoke` in the mode `stream`: calls `onFrame` for every frame as it comes and resolves with the ended invocation. */
export async function invokeStreaming(request: {
  readonly url: string;
  readonly apiKey: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  readonly onFrame: (frame: Frame) => void;
}): Promise<Invocation> {
  const response = await fetch(`${request.url}/v1/invoke`, {
    method: 'POST',
    headers: { authorization: `Bearer ${request.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...request.body, mode: 'stream' }),
    signal: request.signal,
  });
  if (!response.ok || !response.body) throw new Error(`POST /v1/invoke answered ${response.status}: ${await response.text()}`);
  const decoder = createEventDecoder();
  for await (const bytes of response.body) {
    for (const text of decoder.push(bytes)) {
      const frame = Frame.parse(JSON.parse(text));
      if (frame.type === 'rondo.invocation') return Last.parse(frame).invocation;
      if (frame.type === 'error') throw new Error(`The stream failed: ${text}`);
      request.onFrame(frame);
    }
  }
  throw new Error('The stream of POST /v1/invoke ended before the invocation did.');
}
