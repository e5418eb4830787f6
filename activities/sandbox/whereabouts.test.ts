import { describe, expect, it } from 'vitest';
import { RondoError } from '../../workflows/contract/errors.js';
import { createRedirects } from './redirects.js';
import { choosePlace, elsewhere, orElsewhere, whereaboutsOf } from './whereabouts.js';

const own = { id: 'own', taskQueue: 'own-queue' };
const place = (hostId: string, free: number) => ({ hostId, taskQueue: `${hostId}-queue`, place: null, free });
const seen = (silentMs: number, at: string | null = 'a place') => ({ taskQueue: 'far-queue', place: at, isLive: silentMs < 15_000, silentMs });

describe('the whereabouts of a sandbox', () => {
  it('are here for the own host, however long nobody saw it, and where no host is known', () => {
    expect(whereaboutsOf({ hostId: 'own', host: seen(60_000) }, own)).toEqual({ kind: 'here' });
    expect(whereaboutsOf({ hostId: null, host: null }, own)).toEqual({ kind: 'here' });
  });

  it('are not known to a process whose host is another data folder by now', () => {
    const process = { ...own, place: 'a place' };
    const kindAt = (at: string | null) => whereaboutsOf({ hostId: 'own', host: seen(0, at) }, process).kind;
    expect([kindAt('a place'), kindAt(null), kindAt('another place')]).toEqual(['here', 'here', 'unknown']);
  });

  it('are elsewhere while the host lives, unknown while it is silent, and nowhere once it is dead or forgotten', () => {
    const at = (host: ReturnType<typeof seen> | null) => whereaboutsOf({ hostId: 'far', host }, own);
    expect(at(seen(1_000))).toEqual({ kind: 'elsewhere', taskQueue: 'far-queue' });
    expect(at(seen(8_000))).toEqual({ kind: 'unknown' });
    expect([at(seen(16_000)), at(null)]).toEqual([{ kind: 'nowhere' }, { kind: 'nowhere' }]);
  });
});

describe('the place of the next sandbox', () => {
  const anywhere = { own, last: null, placement: 'anywhere' } as const;

  it('is the host with most room; between equals the one that asks, then the one that had it last', () => {
    expect(choosePlace([place('own', 3), place('far', 4)], anywhere)).toEqual({ id: 'far', taskQueue: 'far-queue' });
    expect(choosePlace([place('far', 4), place('own', 4)], anywhere)).toEqual(own);
    expect(choosePlace([place('own', 1), place('a', 4), place('b', 4)], { ...anywhere, last: 'b' })?.id).toBe('b');
  });

  it('stays where it was chosen while there is room, and otherwise moves on', () => {
    expect(choosePlace([place('own', 1), place('far', 4)], { ...anywhere, placement: 'chosen' })).toEqual(own);
    expect(choosePlace([place('own', 0), place('far', 4)], { ...anywhere, placement: 'here' })?.id).toBe('far');
  });

  it('is never here without an engine, wherever it was chosen', () => {
    const unable = { ...anywhere, placement: 'here', able: false } as const;
    expect(choosePlace([place('own', 9), place('far', 1)], unable)?.id).toBe('far');
    expect([choosePlace([place('own', 9), place('far', 0)], unable), choosePlace([], unable)]).toEqual([undefined, undefined]);
  });

  it('is nowhere while all are full, and here on a host that does not report itself', () => {
    expect(choosePlace([place('own', 0), place('far', -1)], anywhere)).toBeUndefined();
    expect(choosePlace([place('far', 4)], anywhere)).toEqual(own);
  });
});

it('counts whoever is still on the way to a host, for a while', () => {
  let time = 0;
  const redirects = createRedirects(() => time);
  redirects.note('far');
  redirects.note('far');
  expect(redirects.leave([place('own', 9), place('far', 10)])).toEqual([place('own', 9), place('far', 8)]);
  time = 10_000;
  expect(redirects.leave([place('far', 10)])).toEqual([place('far', 10)]);
});

it('an activity answers another host instead of failing, and fails with any other error', async () => {
  const failing = (error: Error) => orElsewhere(async () => Promise.reject(error))();
  expect(await failing(elsewhere('sesn_1', 'far-queue'))).toEqual({ kind: 'elsewhere', taskQueue: 'far-queue' });
  const gone = new RondoError('sandbox.gone', 'gone');
  await expect(failing(gone)).rejects.toBe(gone);
});
