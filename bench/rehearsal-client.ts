import { z } from 'zod';
import type { ScriptInput } from '../apps/rehearsal/script.js';

const Recorded = z.object({
  id: z.number(),
  body: z.unknown(),
  received_at: z.number(),
  ended_at: z.number().nullable(),
  end: z.string().nullable(),
});

/** A model request as the model server saw it; times as `nowMs` gives them. */
export type ModelRequestSeen = z.infer<typeof Recorded>;

/** The model server in its own process, watched from outside. */
export interface RehearsalClient {
  readonly url: string;
  /** Requests received since the last `forget`, oldest first; at most the last thousand. */
  requests(): Promise<ModelRequestSeen[]>;
  /** The first request whose conversation holds the text. */
  requestWith(text: string): Promise<ModelRequestSeen | undefined>;
  forget(): Promise<void>;
}

export async function connectRehearsal(url: string, name: string, script: ScriptInput): Promise<RehearsalClient> {
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${url}/rehearsal/${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    if (!response.ok) throw new Error(`The model server answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  await ask('PUT', `scripts/${name}`, script);
  const requests = async () => z.object({ data: z.array(Recorded) }).parse(await ask('GET', `requests?script=${name}`)).data;
  return {
    url,
    requests,
    requestWith: async (text) => (await requests()).find(({ body }) => JSON.stringify(body).includes(text)),
    forget: async () => void (await ask('DELETE', 'requests')),
  };
}
