import type { Request } from 'express';
import { z } from 'zod';
import type { Config } from '../../../infra/config/config.js';
import { sessionWorkflowId } from '../../../workflows/contract/names.js';
import type { InvocationRecord } from '../../../workflows/contract/records.js';

export const Links = z.looseObject({
  self: z.string(),
  session: z.string(),
  events: z.string(),
  stream: z.string(),
  trace: z.string(),
  temporal_ui: z.string().optional(),
});

export type Links = z.infer<typeof Links>;

/** Makes the addresses of what belongs to an invocation. */
export class InvocationLinks {
  readonly #publicUrl: string | undefined;
  readonly #workflows: string | undefined;

  constructor({ http, temporal }: Pick<Config, 'http' | 'temporal'>) {
    this.#publicUrl = http.publicUrl;
    this.#workflows = temporal.uiUrl && `${temporal.uiUrl}/namespaces/${encodeURIComponent(temporal.namespace)}/workflows`;
  }

  /** Without a configured public address, the one the caller used is given back. */
  of({ id, sessionId }: Pick<InvocationRecord, 'id' | 'sessionId'>, request: Request): Links {
    const base = this.#publicUrl ?? `${request.protocol}://${request.get('host') ?? 'localhost'}`;
    const session = `${base}/v1/sessions/${sessionId}`;
    return {
      self: `${base}/v1/invocations/${id}`,
      session,
      events: `${session}/events`,
      stream: `${session}/events/stream`,
      trace: `${session}/trace`,
      ...(this.#workflows && { temporal_ui: `${this.#workflows}/${sessionWorkflowId(sessionId)}` }),
    };
  }
}
