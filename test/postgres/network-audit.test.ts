import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { insertEgressRequests } from '../../infra/postgres/egress-requests.repo.js';
import { listNetworkRequests } from '../../infra/postgres/network-request-list.repo.js';
import type { PageRequest } from '../../infra/postgres/page.js';
import { lockSession } from '../../infra/postgres/session-store.js';
import { type Transaction, transaction } from '../../infra/postgres/transaction.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import type { EgressRequest } from '../../workflows/contract/network-records.js';
import { waitFor } from '../support/wait-for.js';
import { aSession, type StoreFixture, startStore } from './session.fixture.js';

let fixture: StoreFixture;
let ref: SessionRef;
beforeAll(async () => {
  fixture = await startStore();
});
beforeEach(async () => {
  ref = await aSession(fixture);
});
afterAll(() => fixture.stop());

const COUNTED = { status: 200, bytesUp: 0, bytesDown: 1, credentialIds: [], error: null, durationMs: 1 };
const line = (sessionId: string, path: string): EgressRequest => ({
  ...COUNTED,
  ...{ sessionId, path, generation: 1, toolCallIds: null, host: 'a.example', port: 443, method: 'GET', rule: 'a rule', startedAt: new Date() },
  protocol: 'https',
  decision: 'allow',
});
const write = (tx: Transaction, path: string, sessionId = ref.sessionId) => insertEgressRequests(tx, [line(sessionId, path)]);
/** As Rondo's own request is written, which is counted apart from those of sandboxes. */
const writeOwn = (tx: Transaction, path: string) => insertEgressRequests(tx, [{ ...line(ref.sessionId, path), generation: null }]);
const within = <T>(work: (tx: Transaction) => Promise<T>, workspaceId = ref.workspaceId): Promise<T> => transaction(fixture.pool, workspaceId, work);

/** Somebody who reads on from where the last page ended. */
function aReader(of: { readonly sessionId: string | undefined }) {
  let after: PageRequest['after'];
  const read: (string | null)[] = [];
  return {
    read,
    async readOn() {
      const filter = { sessionId: of.sessionId, recordedAt: undefined };
      const { items } = await within((tx) => listNetworkRequests(tx, filter, { order: 'asc', limit: 100, after }));
      after = items.at(-1)?.position ?? after;
      read.push(...items.map(({ path }) => path));
    },
  };
}

/** A transaction that has written and is not committed yet. */
async function anOpenWriter(path: string) {
  const written = Promise.withResolvers<void>();
  const mayCommit = Promise.withResolvers<void>();
  const done = within(async (tx) => {
    await write(tx, path);
    written.resolve();
    await mayCommit.promise;
  });
  await Promise.race([written.promise, done]);
  return {
    commit: () => {
      mayCommit.resolve();
      return done;
    },
  };
}

const somebodyWaits = () =>
  waitFor('a writer that waits', async () => {
    const { rowCount } = await fixture.pool.query(
      `select 1 from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`,
    );
    return rowCount === 1 ? true : undefined;
  });

it.each(['the session', 'the workspace'])('a line whose transaction commits late is not missed by who reads the audit of %s page by page', async (of) => {
  const reader = aReader({ sessionId: of === 'the session' ? ref.sessionId : undefined });
  await reader.readOn();
  reader.read.length = 0;
  const slow = await anOpenWriter('/slow');
  const fast = within((tx) => writeOwn(tx, '/fast'));
  await Promise.race([fast, somebodyWaits()]);
  await reader.readOn();
  await slow.commit();
  await fast;
  await reader.readOn();
  expect(reader.read).toEqual(['/slow', '/fast']);
});

it('nothing is missed or read twice while many write', async () => {
  const reader = aReader(ref);
  const paths = Array.from({ length: 8 }, (_, writer) => Array.from({ length: 15 }, (_, turn) => `/${writer}/${turn}`));
  let open = true;
  const writers = paths.map(async (own) => {
    for (const path of own) {
      await within(async (tx) => {
        await write(tx, path);
        for (let pause = Math.floor(Math.random() * 10); pause > 0; pause -= 1) await tx.query('select 1');
      });
    }
  });
  const reading = (async () => {
    while (open) await reader.readOn();
  })();
  await Promise.all(writers).finally(() => {
    open = false;
  });
  await reading;
  await reader.readOn();
  expect(reader.read.toSorted()).toEqual(paths.flat().toSorted());
});

it('a session that somebody writes to holds nobody up, neither its own lines nor those of others', async () => {
  const other = await aSession(fixture);
  const paths = await within(async (tx) => {
    await lockSession(tx, ref.sessionId);
    await within((writer) => insertEgressRequests(writer, [line(ref.sessionId, '/own'), line(other.sessionId, '/other')]));
    const { items } = await within((reader) => listNetworkRequests(reader, { sessionId: undefined, recordedAt: undefined }, { order: 'desc', limit: 2 }));
    return items.map(({ path }) => path);
  });
  expect(paths.toSorted()).toEqual(['/other', '/own']);
});

it('writers of one workspace do not wait for those of another', async () => {
  const other = await aSession({ pool: fixture.pool, workspaceId: fixture.otherWorkspaceId });
  const slow = await anOpenWriter('/slow');
  await within((tx) => write(tx, '/other', other.sessionId), other.workspaceId);
  await slow.commit();
  const { items } = await within(
    (tx) => listNetworkRequests(tx, { sessionId: other.sessionId, recordedAt: undefined }, { order: 'asc', limit: 10 }),
    other.workspaceId,
  );
  expect(items.map(({ path }) => path)).toEqual(['/other']);
});
