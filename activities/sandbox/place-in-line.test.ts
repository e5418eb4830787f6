import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { encodeFence } from '../../workflows/contract/fence.js';
import type { NewSandbox } from '../../workflows/contract/sandbox-records.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import { createLine } from './place-in-line.js';
import type { PlanRequest } from './plan-sandbox.js';

it('a host that has room again serves who waits for it before who comes just then', async () => {
  const place = { hostId: 'own', taskQueue: 'own-queue', free: 0 };
  const planned: string[] = [];
  const store = {
    locked: async (ref: { sessionId: string }, work: (session: LockedSession) => Promise<unknown>) =>
      work({
        record: { status: 'running', turn: 1, fence: encodeFence({ epoch: 1, step: 1 }) },
        findSandbox: async () => undefined,
        placesFor: async () => [{ ...place }],
        saveSandbox: async (_sandbox: NewSandbox) => {
          place.free -= 1;
          planned.push(ref.sessionId);
        },
        startAttempt: async () => 'trace',
      } as unknown as LockedSession),
  } as unknown as SessionStore;
  const ended = new AbortController();
  const enter = createLine(
    { store, host: { id: 'own', taskQueue: 'own-queue' }, installation: 'test', pool: undefined },
    { patienceMs: 5_000, giveBack: () => Promise.reject(new Error('the session that had it was deleted')) },
  );
  const ask = (sessionId: string) =>
    enter(
      { sessionId, workspaceId: 'w' },
      { provider: { engine: 'docker', runtime: 'runc', isolation: 'container' }, ended: undefined, image: undefined, placement: 'anywhere' } as PlanRequest,
      ended.signal,
    );
  const first = ask('first');
  for (let turns = 0; turns < 10; turns += 1) await turn();
  place.free = 1;
  const second = ask('second');
  second.catch(() => undefined);
  await first;
  expect(planned).toEqual(['first']);
  place.free = 1;
  await second;
  expect(planned).toEqual(['first', 'second']);
});
