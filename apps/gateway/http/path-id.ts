import type { PipeTransform } from '@nestjs/common';
import { RondoError } from '../../../workflows/contract/errors.js';
import { idSchema } from '../../../workflows/contract/ids.js';

const NOT_FOUND = {
  agent: 'agent.not_found',
  environment: 'environment.not_found',
  session: 'session.not_found',
  invocation: 'invocation.not_found',
  file: 'file.not_found',
  skill: 'skill.not_found',
  skillVersion: 'skill.not_found',
  vault: 'vault.not_found',
  credential: 'credential.not_found',
  resource: 'resource.not_found',
  thread: 'thread.not_found',
  work: 'work.not_found',
  environmentKey: 'request.not_found',
} as const;

export type ResourceKind = keyof typeof NOT_FOUND;

/** A kind in words: `skillVersion` is a skill version. */
const inWords = (kind: ResourceKind): string => kind.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** What a caller gets for a resource that is not there, or is another workspace's: both look the same. */
export function notFound(kind: ResourceKind, id: string, field?: string): RondoError {
  const words = inWords(kind);
  const sentence = `${JSON.stringify(id.slice(0, 100))} does not exist in this workspace.`;
  return new RondoError(NOT_FOUND[kind], field ? `${field}: ${words} ${sentence}` : `${words[0]?.toUpperCase()}${words.slice(1)} ${sentence}`);
}

/** An id as it may stand in the database; anything else cannot exist, and is never asked for. */
export function knownId(kind: ResourceKind, id: string): string {
  if (!idSchema(kind).safeParse(id).success) throw notFound(kind, id);
  return id;
}

/** Checks an id in a route's path. */
export const pathId = (kind: ResourceKind): PipeTransform<string, string> => ({ transform: (id) => knownId(kind, id) });
