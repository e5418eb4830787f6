import type { WorkRecord } from '../../../workflows/contract/records.js';

/** What a worker sends with its first heartbeat. */
export const NO_HEARTBEAT = 'NO_HEARTBEAT';

/** Shortest and longest lease a worker may ask for, in seconds, where the configured one is not shorter or longer itself. */
const SHORTEST_SECONDS = 30;
const LONGEST_SECONDS = 600;

/** The lease a worker gets: what it asked for within bounds, or the configured one. Pure. */
export function leaseSeconds(desired: number | undefined, configured: number): number {
  if (!desired) return configured;
  return Math.min(Math.max(desired, Math.min(SHORTEST_SECONDS, configured)), Math.max(LONGEST_SECONDS, configured));
}

/**
 * What becomes of a heartbeat: it extends the lease, is refused (the lease is another's, or nobody's), or only learns that
 * the item is stopped. `claim` is the offer the sender's token belongs to, null for one that has only the environment's key.
 * `expected` is compared byte for byte, except once the item is being stopped. Pure.
 */
export function judgeHeartbeat(
  item: Pick<WorkRecord, 'state' | 'claim' | 'lastHeartbeat'>,
  claim: number | null,
  expected: string | undefined,
): 'extend' | 'refuse' | 'report' {
  if (claim !== null && claim !== item.claim) return 'refuse';
  switch (item.state) {
    case 'queued':
      return 'refuse';
    case 'stopping':
      return 'extend';
    case 'stopped':
      return 'report';
    case 'starting':
    case 'active':
      return expected === undefined || expected === (item.lastHeartbeat ?? NO_HEARTBEAT) ? 'extend' : 'refuse';
  }
}

/** What becomes of an acknowledgement: repeating it is harmless until the first heartbeat. Pure. */
export function judgeAcknowledgement(item: Pick<WorkRecord, 'state' | 'claim' | 'polledAt'>, claim: number | null): 'take' | 'repeat' | 'refuse' {
  if (claim !== null && claim !== item.claim) return 'refuse';
  if (item.state === 'starting') return 'repeat';
  return item.state === 'queued' && item.polledAt ? 'take' : 'refuse';
}
