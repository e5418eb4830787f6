import pg from 'pg';
import { expect } from 'vitest';
import type { Platform } from './platform.js';
import { waitFor } from './wait-for.js';

export interface Invocation {
  readonly id: string;
  readonly session_id: string;
  readonly status: string;
  readonly stop_reason: { readonly type: string; readonly cause?: string } | null;
  readonly output_text: string;
  readonly usage: Record<string, number> | null;
  readonly steps: number;
}

export interface LogRow {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into wire objects
  readonly body: any;
}

const TOOLS = [{ type: 'agent_toolset_20260401' }];

/** Starts a turn in the background: a new session with the toolset, or one to go on with. */
export async function invoke(platform: Platform, body: Record<string, unknown>): Promise<Invocation> {
  const inline = 'session_id' in body ? {} : { tools: TOOLS };
  const response = await platform.request('POST', '/v1/invoke', { mode: 'background', ...inline, ...body });
  if (response.status !== 202) throw new Error(`invoke answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Invocation;
}

export async function invocationOf(platform: Platform, id: string): Promise<Invocation> {
  return (await (await platform.request('GET', `/v1/invocations/${id}`)).json()) as Invocation;
}

const ENDED = ['completed', 'failed', 'interrupted', 'killed'];

/** Waits for a status; by default for the end. Generous: only a failure takes that long. */
export const waitForInvocation = (platform: Platform, id: string, status: readonly string[] = ENDED, limitMs = 45_000): Promise<Invocation> =>
  waitFor(
    `invocation ${id} to be ${status.join(' or ')}`,
    async () => {
      const invocation = await invocationOf(platform, id).catch(() => undefined);
      return invocation && status.includes(invocation.status) ? invocation : undefined;
    },
    limitMs,
  );

/** Runs SQL as the owner: tests look at rows as they are, past every policy. */
export async function sql<Row extends pg.QueryResultRow>(platform: Platform, text: string, values: readonly unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: platform.database.ownerUrl });
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

export const readLog = (platform: Platform, sessionId: string): Promise<LogRow[]> =>
  sql<LogRow>(platform, 'select seq, id, type, body from events where session_id = $1 order by seq', [sessionId]).then((rows) =>
    rows.map((row) => ({ ...row, seq: Number(row.seq) })),
  );

/** The rules nothing may break, on a session that has come to rest. */
export async function expectWholeLog(platform: Platform, sessionId: string): Promise<LogRow[]> {
  await waitForAttempts(platform, sessionId);
  const log = await readLog(platform, sessionId);
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
  expect(new Set(log.map(({ id }) => id)).size).toBe(log.length);

  const open = new Set<string>();
  for (const event of log) {
    if (event.type === 'agent.tool_use' || event.type === 'agent.mcp_tool_use' || event.type === 'agent.custom_tool_use') open.add(event.id);
    if (event.type === 'agent.mcp_tool_result')
      expect(open.delete(event.body.mcp_tool_use_id), `a result for the open call ${event.body.mcp_tool_use_id}`).toBe(true);
    if (event.type === 'agent.tool_result' || event.type === 'user.tool_result')
      expect(open.delete(event.body.tool_use_id), `a result for the open call ${event.body.tool_use_id}`).toBe(true);
    if (event.type === 'user.custom_tool_result') expect(open.delete(event.body.custom_tool_use_id)).toBe(true);
    if (event.type === 'user.message') expect([...open], 'no message between a call and its result').toEqual([]);
  }
  expect([...open], 'no unanswered call').toEqual([]);

  const starts = log.filter(({ type }) => type === 'span.model_request_start').map(({ id }) => id);
  const ends = log.filter(({ type }) => type === 'span.model_request_end').map(({ body }) => body.model_request_start_id);
  expect(ends.toSorted()).toEqual(starts.toSorted());
  expect(['session.status_idle', 'session.status_terminated']).toContain(log.at(-1)?.type);

  const left = await sql<{ open_calls: string; inbox: string; open_invocations: string }>(
    platform,
    `select (select count(*) from tool_calls where session_id = $1 and finished_at is null) as open_calls,
       (select count(*) from inbox where session_id = $1) as inbox,
       (select count(*) from invocations where session_id = $1 and ended_at is null) as open_invocations`,
    [sessionId],
  );
  expect(left[0]).toEqual({ open_calls: '0', inbox: '0', open_invocations: '0' });
  return log;
}

/** Nothing waits for what an interrupt, a limit or a kill has cut short: it ends a moment after the turn. The workspace is kept beside everything else. */
async function waitForAttempts(platform: Platform, sessionId: string): Promise<void> {
  await waitFor(`every attempt of ${sessionId} to be over`, async () => {
    const open = await sql(platform, `select 1 from attempts where session_id = $1 and ended_at is null and kind <> 'checkpoint'`, [sessionId]);
    return open.length === 0;
  });
}

/** Text of every tool result in the log. */
export const resultTexts = (log: readonly LogRow[]): string[] =>
  log.filter(({ type }) => type === 'agent.tool_result').map(({ body }) => body.content.map((block: { text?: string }) => block.text ?? '').join(''));
