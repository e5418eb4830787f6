import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { RondoError } from '../../workflows/contract/errors.js';
import { encodeFence } from '../../workflows/contract/fence.js';
import type { NewSandbox } from '../../workflows/contract/sandbox-records.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import { createLine } from './place-in-line.js';
import type { SandboxProvider } from './sandbox.port.js';

const DOCKER = { engine: 'docker', runtime: 'runc', isolation: 'container' } as SandboxProvider;
const own = { hostId: 'own', taskQueue: 'own-queue', place: null, free: 0 };

/** Sessions without a sandbox, on hosts with this room; the sessions that were planned here. */
function aStage(places: { hostId: string; taskQueue: string; place: null; free: number }[]) {
  const planned: string[] = [];
  const store = {
    locked: async (ref: { sessionId: string }, work: (session: LockedSession) => Promise<unknown>) =>
      work({
        record: { status: 'running', turn: 1, fence: encodeFence({ epoch: 1, step: 1 }) },
        findSandbox: async () => undefined,
        placesFor: async () => places.map((place) => ({ ...place })),
        saveSandbox: async (_sandbox: NewSandbox) => {
          for (const place of places) if (place.hostId === 'own') place.free -= 1;
          planned.push(ref.sessionId);
        },
        startAttempt: async () => 'trace',
      } as unknown as LockedSession),
  } as unknown as SessionStore;
  const line = (provider: () => Promise<SandboxProvider>) => {
    const enter = createLine(
      { store, host: { id: 'own', taskQueue: 'own-queue' }, installation: 'test', pool: undefined, provider },
      { patienceMs: 5_000, giveBack: () => Promise.reject(new Error('the session that had it was deleted')) },
    );
    const request = { ended: undefined, image: undefined, placement: 'anywhere' } as const;
    return (sessionId: string, engine: SandboxProvider | RondoError) =>
      enter({ sessionId, workspaceId: 'w' }, { provider: engine, ...request }, new AbortController().signal);
  };
  return { planned, line };
}

it('a host that has room again serves who waits for it before who comes just then', async () => {
  const place = { ...own };
  const { planned, line } = aStage([place]);
  const ask = line(async () => DOCKER);
  const first = ask('first', DOCKER);
  for (let turns = 0; turns < 10; turns += 1) await turn();
  place.free = 1;
  const second = ask('second', DOCKER);
  second.catch(() => undefined);
  await first;
  expect(planned).toEqual(['first']);
  place.free = 1;
  await second;
  expect(planned).toEqual(['first', 'second']);
});

it('who waits without an engine waits no longer once there is one, and keeps nobody from the room that is here', async () => {
  const { planned, line } = aStage([
    { ...own, free: 2 },
    { hostId: 'far', taskQueue: 'far-queue', place: null, free: 0 },
  ]);
  const missing = new RondoError('sandbox.unavailable', 'Docker does not run yet.');
  let asked = 0;
  const ask = line(async () => {
    asked += 1;
    if (asked === 1) throw missing;
    return DOCKER;
  });
  const first = ask('first', missing);
  for (let turns = 0; turns < 10; turns += 1) await turn();
  const second = ask('second', DOCKER);
  expect(await first).toBeUndefined();
  expect(await second).toMatchObject({ kind: 'use' });
  expect(planned).toEqual(['second']);
});
