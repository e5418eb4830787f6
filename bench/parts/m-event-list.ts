import { listEvents } from '../../infra/postgres/event-list.repo.js';
import { copyRow } from '../bulk-rows.js';
import { type Figure, milliseconds } from '../figures.js';
import type { Part, Run } from '../part.js';
import { expectIndexed, scansOf } from '../query-plans.js';
import { SAY } from '../scripts.js';
import type { Stack } from '../stack.js';

const EVENTS = 100_000;
const PAGE = 1_000;
const GOAL = { atMost: 250 };

/** A page of a long log, at its beginning and in its middle, and whether Postgres finds it by an index. On a Rondo of its own. */
export const eventList: Part<Stack> = {
  id: 'm',
  title: 'list of 100,000 events',
  limitMs: 180_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const second = await stack.startSecond('events', {});
    try {
      const { invocation } = await second.api.invoke(SAY);
      await second.api.ended(invocation, run);
      const sessionId = invocation.session_id;
      const [message] = (
        await second.rows.query<{ id: string; last: number }>(
          `select id, (select max(seq) from events where session_id = $1) as last from events where session_id = $1 and type = 'agent.message' limit 1`,
          [sessionId],
        )
      ).rows;
      if (!message) throw new Error('The session said nothing that could be copied.');
      await copyRow(second.rows, {
        table: 'events',
        id: message.id,
        count: EVENTS,
        changed: {
          id: `'sevt_' || lpad(n::text, 26, '0')`,
          seq: `n + ${Number(message.last)}`,
          processed_at: `original.processed_at + n * interval '1 millisecond'`,
        },
      });
      await second.rows.query('update sessions set last_seq = last_seq + $2 where id = $1', [sessionId, EVENTS]);
      const page = { order: 'asc', limit: PAGE } as const;
      const first = expectIndexed(await scansOf(second.appUrl, second.workspaceId, (tx) => listEvents(tx, sessionId, page, {})), 'events');
      const middle = expectIndexed(
        await scansOf(second.appUrl, second.workspaceId, (tx) => listEvents(tx, sessionId, { ...page, seq: EVENTS / 2 }, {})),
        'events',
      );
      const path = `/v1/sessions/${sessionId}/events?limit=${PAGE}`;
      const cursor = await second.api.cursorAfter(path, EVENTS / PAGE / 2);
      const count = run.quick ? 10 : 60;
      return [
        milliseconds(`first page of ${PAGE}`, await second.api.timePages(path, count, PAGE), { goal: GOAL, note: first }),
        milliseconds(`a page of ${PAGE} in the middle`, await second.api.timePages(`${path}&page=${cursor}`, count, PAGE), { goal: GOAL, note: middle }),
      ];
    } finally {
      await second.stop();
    }
  },
};
