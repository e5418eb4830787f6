import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMountResources } from '../../activities/resources/mount-resources.js';
import { newId } from '../../infra/ids.js';
import { insertResource } from '../../infra/postgres/session-resources.repo.js';
import { transaction } from '../../infra/postgres/transaction.js';
import { aSandbox, textOf } from '../contract/sandbox.fixture.js';
import { aSandboxEngine, type TestEngine } from '../support/sandbox-engines.js';
import { aSession, type StoreFixture, startStore } from './session.fixture.js';

let fixture: StoreFixture;
let engine: TestEngine;
beforeAll(async () => {
  fixture = await startStore();
  engine = aSandboxEngine('bubblewrap');
});
afterAll(async () => {
  await engine.dispose();
  await fixture.stop();
});

const COUNT = 20;
const NAMES = Array.from({ length: COUNT }, (_, index) => `f${index}`);

/** A session with files attached, and a sandbox where other files are at their places. */
async function attachedOver(content: string) {
  const ref = await aSession(fixture);
  await transaction(fixture.pool, ref.workspaceId, async (tx) => {
    for (const name of NAMES) {
      const mountPath = `/workspace/${name}`;
      await insertResource(tx, ref.sessionId, { id: newId('resource'), type: 'file', mountPath, body: { file_id: name } });
    }
  });
  const sandbox = await aSandbox(engine);
  await sandbox.bash(`for name in ${NAMES.join(' ')}; do printf '${content}' > $name; done`);
  return { ref, sandbox, seen: async () => textOf(await sandbox.bash(`cat ${NAMES.join(' ')}`)) };
}

/** What mounts, with the files' bytes from `open`. */
const mounting = (open: (name: string) => Promise<string>) =>
  createMountResources({
    store: fixture.store,
    redact: (text) => text,
    content: {
      findFiles: async () => async (name) =>
        (async function* () {
          yield Buffer.from(await open(name));
        })(),
      openSkill: () => Promise.reject(new Error('no skill is attached')),
      openToken: () => Promise.reject(new Error('no repository is attached')),
    },
    clone: () => Promise.reject(new Error('no repository is attached')),
    traffic: { of: () => ({}) as never },
  });

it('an interrupt over many files leaves none of them out of the next look, though something lies at their places', async () => {
  const { ref, sandbox, seen } = await attachedOver('old;');
  const interrupt = new AbortController();
  let opened = 0;
  const first = mounting(async () => {
    opened += 1;
    if (opened > 3) interrupt.abort(new Error('interrupted'));
    return 'new;';
  });
  await expect(first(ref, { generation: 1, client: sandbox.client }, interrupt.signal)).rejects.toThrow('interrupted');
  expect(await seen()).toContain('old;');
  await mounting(async () => 'new;')(ref, { generation: 1, client: sandbox.client }, AbortSignal.timeout(30_000));
  expect(await seen()).toBe('new;'.repeat(COUNT));
});

it('what was mounted stays as the agent left it, though the attempt to mount it into the next sandbox ends in the middle', async () => {
  const { ref, sandbox, seen } = await attachedOver('old;');
  await mounting(async () => 'new;')(ref, { generation: 1, client: sandbox.client }, AbortSignal.timeout(30_000));
  await sandbox.bash(`for name in ${NAMES.join(' ')}; do printf 'mine;' > $name; done`);
  const interrupted = AbortSignal.abort(new Error('interrupted'));
  await expect(mounting(async () => 'new;')(ref, { generation: 2, client: sandbox.client }, interrupted)).rejects.toThrow('interrupted');
  const keys = (await fixture.store.dueMounts(ref, 2)).map(({ key }) => key);
  await fixture.store.locked(ref, (session) => session.claimMounts({ keys, generation: 2, holder: 'a worker that died', leaseMs: 0 }));
  await mounting(async () => 'new;')(ref, { generation: 2, client: sandbox.client }, AbortSignal.timeout(30_000));
  expect(await seen()).toBe('mine;'.repeat(COUNT));
});
