import { listSessions } from '../../infra/postgres/session-list.repo.js';
import { copyRow } from '../bulk-rows.js';
import { type Figure, milliseconds } from '../figures.js';
import type { Part, Run } from '../part.js';
import { expectIndexed, scansOf } from '../query-plans.js';
import { SAY } from '../scripts.js';
import type { Stack } from '../stack.js';

const SESSIONS = 10_000;
const PAGE = 20;
const GOAL = { atMost: 50 };

/** The first page of many sessions, and whether Postgres finds it by an index. On a Rondo of its own. */
export const sessionList: Part<Stack> = {
  id: 'l',
  title: 'list of 10,000 sessions',
  limitMs: 120_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const second = await stack.startSecond('sessions', {});
    try {
      const { invocation } = await second.api.invoke(SAY);
      await second.api.ended(invocation, run);
      const { agentId } = await second.api.session(invocation.session_id);
      await copyRow(second.rows, {
        table: 'sessions',
        id: invocation.session_id,
        count: SESSIONS,
        changed: {
          id: `'sesn_' || lpad(n::text, 26, '0')`,
          primary_thread_id: `'sthr_' || lpad(n::text, 26, '0')`,
          created_at: `original.created_at - n * interval '1 second'`,
        },
      });
      const request = { order: 'desc', limit: PAGE } as const;
      const everything = expectIndexed(
        await scansOf(second.appUrl, second.workspaceId, (tx) => listSessions(tx, request, { includeArchived: false })),
        'sessions',
      );
      const ofAgent = expectIndexed(
        await scansOf(second.appUrl, second.workspaceId, (tx) => listSessions(tx, request, { includeArchived: false, agentId })),
        'sessions',
      );
      const samplesOf = (path: string) => second.api.timePages(path, run.quick ? 20 : 200, PAGE);
      return [
        milliseconds(`first page of ${PAGE}`, await samplesOf(`/v1/sessions?limit=${PAGE}`), { goal: GOAL, note: everything }),
        milliseconds(`the same of one agent`, await samplesOf(`/v1/sessions?limit=${PAGE}&agent_id=${agentId}`), { goal: GOAL, note: ofAgent }),
      ];
    } finally {
      await second.stop();
    }
  },
};
