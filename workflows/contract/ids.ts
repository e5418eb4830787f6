import { z } from 'zod';

/** Prefix of every identifier Rondo mints; the part behind it is a ULID. The wire's own prefixes, and ours where it has none. */
export const ID_PREFIXES = {
  workspace: 'wrkspc',
  apiKey: 'apikey',
  agent: 'agent',
  environment: 'env',
  session: 'sesn',
  thread: 'sthr',
  event: 'sevt',
  invocation: 'inv',
  attempt: 'att',
  request: 'req',
  file: 'file',
  blob: 'blob',
  workspaceRequest: 'wsreq',
  networkRequest: 'netreq',
  skill: 'skill',
  skillVersion: 'skillver',
  resource: 'sesrsc',
  vault: 'vlt',
  credential: 'vcrd',
  work: 'work',
  environmentKey: 'envkey',
  memoryStore: 'memstore',
  outcome: 'outc',
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

/** Schema of an identifier of one kind, for example `sesn_01JD…`. */
export const idSchema = (kind: IdKind) =>
  z.string().regex(new RegExp(`^${ID_PREFIXES[kind]}_[0-9A-Za-z]{8,40}$`), `must be an id of the form ${ID_PREFIXES[kind]}_…`);
