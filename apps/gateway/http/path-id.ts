import type { PipeTransform } from '@nestjs/common';
import { RondoError } from '../../../workflows/contract/errors.js';
import { idSchema } from '../../../workflows/contract/ids.js';

const NOT_FOUND = {
  agent: 'agent.not_found',
  environment: 'environment.not_found',
  session: 'session.not_found',
  invocation: 'invocation.not_found',
} as const;

export type ResourceKind = keyof typeof NOT_FOUND;

/** What a caller gets for a resource that is not there, or is another workspace's: both look the same. */
export const notFound = (kind: ResourceKind, id: string): RondoError =>
  new RondoError(NOT_FOUND[kind], `${kind[0]?.toUpperCase()}${kind.slice(1)} ${JSON.stringify(id.slice(0, 100))} does not exist in this workspace.`);

/** An id as it may stand in the database; anything else cannot exist, and is never asked for. */
export function knownId(kind: ResourceKind, id: string): string {
  if (!idSchema(kind).safeParse(id).success) throw notFound(kind, id);
  return id;
}

/** Checks an id in a route's path. */
export const pathId = (kind: ResourceKind): PipeTransform<string, string> => ({ transform: (id) => knownId(kind, id) });
