import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../infra/ids.js';
import { createListener } from '../../infra/postgres/listener.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import { waitFor } from '../support/wait-for.js';
import { aSession, type StoreFixture, startStore } from './session.fixture.js';

let fixture: StoreFixture;

beforeAll(async () => {
  fixture = await startStore();
});
afterAll(() => fixture.stop());

interface Row {
  readonly seq: number;
  readonly writer: number;
  readonly batch: number;
  readonly place: number;
}

async function readRows(ref: SessionRef): Promise<Row[]> {
  const { store } = fixture;
  const events = await store.locked(ref, (session) => session.readEvents());
  return events.map(({ seq, body }) => ({ seq, ...(body as Omit<Row, 'seq'>) }));
}

/** How many events each batch has, and whether its transaction is given up after it wrote. */
const batches = fc.array(fc.record({ size: fc.integer({ min: 1, max: 6 }), givenUp: fc.boolean() }), { minLength: 1, maxLength: 4 });

describe('twenty writers on one log', () => {
  it('leave no gap and no twin, keep each batch together, and nothing of what was given up', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batches, { minLength: 20, maxLength: 20 }), async (writers) => {
        const ref = await aSession(fixture);
        await Promise.all(writers.map((plan, writer) => write(ref, writer, plan)));

        const rows = await readRows(ref);
        expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, index) => index + 1));
        const kept = writers.flatMap((plan, writer) => plan.flatMap(({ size, givenUp }, batch) => (givenUp ? [] : [{ writer, batch, size }])));
        for (const { writer, batch, size } of kept) {
          const own = rows.filter((row) => row.writer === writer && row.batch === batch);
          expect(own.map(({ place }) => place)).toEqual(Array.from({ length: size }, (_, place) => place));
          expect((own.at(-1)?.seq ?? 0) - (own[0]?.seq ?? 0)).toBe(size - 1);
        }
        expect(rows).toHaveLength(kept.reduce((sum, { size }) => sum + size, 0));
        const lastSeq = await fixture.store.locked(ref, async (session) => session.record.lastSeq);
        expect(lastSeq).toBe(rows.length);
      }),
      { numRuns: 6 },
    );
  });

  it('each see their own order: a later batch of one writer has later numbers', async () => {
    const ref = await aSession(fixture);
    await Promise.all(
      Array.from({ length: 20 }, (_, writer) =>
        write(
          ref,
          writer,
          [1, 2, 3].map((size) => ({ size, givenUp: false })),
        ),
      ),
    );
    const rows = await readRows(ref);
    expect(rows).toHaveLength(20 * 6);
    for (let writer = 0; writer < 20; writer += 1) {
      const order = rows.filter((row) => row.writer === writer).map(({ batch, place }) => batch * 10 + place);
      expect(order).toEqual(order.toSorted((left, right) => left - right));
    }
  });
});

async function write(ref: SessionRef, writer: number, plan: readonly { readonly size: number; readonly givenUp: boolean }[]): Promise<void> {
  for (const [batch, { size, givenUp }] of plan.entries()) {
    const done = fixture.store.locked(ref, async (session) => {
      const events = Array.from({ length: size }, (_, place) => ({ type: 'test.written', body: { writer, batch, place } }));
      // Split in two where it can be: one transaction may append more than once.
      await session.append(events.slice(0, 1));
      await session.append(events.slice(1));
      if (givenUp) throw new Error('given up');
    });
    await (givenUp ? expect(done).rejects.toThrow('given up') : done);
  }
}

describe('a reader that listens', () => {
  it('is told of a change when its transaction has committed, not before, and never of one that was rolled back', async () => {
    const { store, pool, log, database } = fixture;
    const [ref, ghost] = [await aSession(fixture), await aSession(fixture)];
    const heard: string[] = [];
    const listener = createListener({ url: database.appUrl, channels: [CHANNELS.events], log });
    listener.on(CHANNELS.events, (payload) => void heard.push(payload));
    await listener.start();
    /** Notifications come in the order of commits, so whatever was committed before this marker has been heard with it. */
    const heardUntilNow = async (): Promise<string[]> => {
      const marker = newId('request');
      await pool.query('select pg_notify($1, $2)', [CHANNELS.events, marker]);
      await waitFor('the marker', () => heard.includes(marker));
      return heard.filter((payload) => payload.startsWith('sesn_'));
    };
    try {
      await store.locked(ref, async (session) => {
        await session.append([{ type: 'test.written', body: {} }]);
        expect(await heardUntilNow()).toEqual([]);
      });
      await waitFor('the notification', () => heard.includes(ref.sessionId));
      const givenUp = store.locked(ghost, async (session) => {
        await session.append([{ type: 'test.written', body: {} }]);
        throw new Error('given up');
      });
      await expect(givenUp).rejects.toThrow('given up');
      expect(await heardUntilNow()).toEqual([ref.sessionId]);
    } finally {
      await listener.close();
    }
  });
});

describe('a log that two writers reach without the lock', () => {
  it('fails loudly instead of taking a number twice', async () => {
    const ref = await aSession(fixture);
    await fixture.store.locked(ref, (session) => session.append([{ type: 'test.written', body: {} }]));
    const owner = new pg.Client({ connectionString: fixture.database.ownerUrl });
    await owner.connect();
    const twin = owner.query(
      `insert into events (session_id, workspace_id, seq, id, type, body) select session_id, workspace_id, seq, 'sevt_another', type, body from events where session_id = $1`,
      [ref.sessionId],
    );
    await expect(twin).rejects.toMatchObject({ code: '23505' });
    await owner.end();
  });
});
