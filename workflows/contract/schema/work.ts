import { z } from 'zod';
import { cursor, wholeNumber } from './list-query.js';
import { MetadataPatch } from './metadata.js';

const DAY_MS = 86_400_000;

/** `GET …/work/poll` (wire section 2.1). Without `block_ms` it does not wait. */
export const WorkPollQuery = z.object({
  block_ms: wholeNumber(1, 999).optional(),
  reclaim_older_than_ms: wholeNumber(0, DAY_MS).default(5_000),
});

/** `POST …/work/{id}/heartbeat`: the last heartbeat as it was answered, or `NO_HEARTBEAT` for the first. */
export const WorkHeartbeatQuery = z.object({
  expected_last_heartbeat: z.string().max(100).optional(),
  desired_ttl_seconds: wholeNumber(0, 1_000_000_000).optional(),
});

const pageQuery = z.object({ limit: wholeNumber(1, 100).default(20), page: cursor });

export const WorkListQuery = pageQuery;
export const EnvironmentKeyListQuery = pageQuery;

/** `POST …/work/{id}/stop`; the body may be missing. */
export const WorkStop = z.preprocess(
  (body) => body ?? {},
  z.strictObject({ force: z.boolean().nullish().describe('Whether the item ends at once; else a worker that beats is told by its next heartbeat.') }),
);

export const WorkUpdate = z.strictObject({
  metadata: MetadataPatch.unwrap().unwrap().describe('Changes of what is stored: a text sets a key, null deletes it, other keys stay. At most 16 are kept.'),
});

/** `POST /v1/environments/{id}/keys` (extension); the body may be missing. */
export const EnvironmentKeyCreate = z.preprocess(
  (body) => body ?? {},
  z.strictObject({ name: z.string().min(1).max(256).nullish().describe('For people, to tell keys apart.') }),
);

export type WorkPollQuery = z.output<typeof WorkPollQuery>;
export type WorkHeartbeatQuery = z.output<typeof WorkHeartbeatQuery>;
export type WorkListQuery = z.output<typeof WorkListQuery>;
export type WorkStop = z.output<typeof WorkStop>;
export type WorkUpdate = z.output<typeof WorkUpdate>;
export type EnvironmentKeyListQuery = z.output<typeof EnvironmentKeyListQuery>;
export type EnvironmentKeyCreate = z.output<typeof EnvironmentKeyCreate>;
