import { describe, expect, it } from 'vitest';
import { judgeAcknowledgement, judgeHeartbeat, leaseSeconds, NO_HEARTBEAT } from './lease.js';

const AT = '2026-11-22T10:00:00.000001Z';

describe('a heartbeat', () => {
  it.each([
    ['claims a fresh lease', 'starting', null, NO_HEARTBEAT, 'extend'],
    ['claims nothing with a value nobody gave', 'starting', null, AT, 'refuse'],
    ['continues with the exact last value', 'active', AT, AT, 'extend'],
    ['is refused when the same time is written differently', 'active', AT, '2026-11-22T10:00:00.000001+00:00', 'refuse'],
    ['cannot claim a lease that beats already', 'active', AT, NO_HEARTBEAT, 'refuse'],
    ['without an expectation extends what is there', 'active', AT, undefined, 'extend'],
    ['is refused for an item that went back into the queue', 'queued', null, NO_HEARTBEAT, 'refuse'],
    ['is not compared once the item is being stopped', 'stopping', AT, 'anything', 'extend'],
    ['learns that the item is stopped', 'stopped', AT, 'anything', 'report'],
  ] as const)('%s', (_name, state, lastHeartbeat, expected, verdict) => {
    expect(judgeHeartbeat({ state, lastHeartbeat, claim: 3 }, null, expected)).toBe(verdict);
  });

  it('with the token of an earlier offer is refused whatever it says', () => {
    for (const state of ['queued', 'starting', 'active', 'stopping', 'stopped'] as const) {
      expect(judgeHeartbeat({ state, lastHeartbeat: AT, claim: 3 }, 2, AT)).toBe('refuse');
    }
  });
});

describe('an acknowledgement', () => {
  it('takes an offered item, may be repeated, and is refused for one that was never offered or has begun', () => {
    const polledAt = new Date();
    expect(judgeAcknowledgement({ state: 'queued', claim: 1, polledAt }, null)).toBe('take');
    expect(judgeAcknowledgement({ state: 'starting', claim: 1, polledAt }, null)).toBe('repeat');
    expect(judgeAcknowledgement({ state: 'queued', claim: 1, polledAt: null }, null)).toBe('refuse');
    expect(judgeAcknowledgement({ state: 'active', claim: 1, polledAt }, null)).toBe('refuse');
    expect(judgeAcknowledgement({ state: 'queued', claim: 2, polledAt }, 1)).toBe('refuse');
  });
});

it.each([
  [undefined, 300, 300],
  [0, 300, 300],
  [5, 300, 30],
  [120, 300, 120],
  [86_400, 300, 600],
  [5, 3, 5],
  [1, 3, 3],
  [3_600, 1_200, 1_200],
])('a wish for %s seconds where %i are configured gives %i', (desired, configured, given) => {
  expect(leaseSeconds(desired, configured)).toBe(given);
});
