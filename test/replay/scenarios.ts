import { expect } from 'vitest';
import type { ScriptInput } from '../../apps/rehearsal/script.js';
import type { Platform } from '../support/platform.js';
import { expectWholeLog, invoke, readLog, resultTexts, sql, waitForInvocation } from '../support/sessions.js';
import type { TemporalView } from '../support/temporal.js';
import { waitFor } from '../support/wait-for.js';

/** In every prompt, argument, output and answer of these scenarios, and therefore in no history. */
export const CONTENT = /KEPT-[A-Z0-9]+/;

const ASK = [{ type: 'agent_toolset_20260401', default_config: { permission_policy: { type: 'always_ask' } } }];
const PROMPT = 'go, KEPT-PROMPT';
const ANSWER = { text: 'KEPT-ANSWER' };
/** The output is computed, so that it differs from the argument. */
const bash = (marker: string) => ({ name: 'bash', input: { command: `: KEPT-INPUT${marker}; echo KEPT-$((40 + 2))${marker} | tee -a done.txt` } });
const read = { name: 'read', input: { file_path: '/workspace/done.txt' } };
const SLEEP = { name: 'bash', input: { command: ': KEPT-INPUT; echo started > started.txt; sleep 600' } };

/** Played again for every user text but the queued ones, which only get an answer. */
const onGo = (...replies: object[]): ScriptInput => ({ rules: [{ match: '^go', replies }], replies: [ANSWER] }) as ScriptInput;

export const SCRIPTS: Readonly<Record<string, ScriptInput>> = {
  plain: onGo(ANSWER),
  tools: onGo(
    { tool_calls: [bash('A')] },
    { tool_calls: [bash('B')] },
    { tool_calls: [bash('C'), read, read, read] },
    { tool_calls: [bash('D'), bash('E'), bash('F'), bash('G')] },
    ANSWER,
  ),
  approval: onGo({ tool_calls: [bash('A'), bash('B')] }, ANSWER),
  interrupt: onGo({ tool_calls: [SLEEP] }, ANSWER),
  retried: onGo({ error: { status: 529, type: 'overloaded_error', message: 'KEPT-ERROR', times: 2 }, tool_calls: [bash('A')] }, ANSWER),
};

/** A way to make a history: drives one session, sees that all went well, and answers its id. */
export type Scenario = (platform: Platform, temporal: TemporalView) => Promise<string>;

async function completed(platform: Platform, body: Record<string, unknown>): Promise<string> {
  const { id, session_id } = await invoke(platform, { input: PROMPT, system: 'KEPT-SYSTEM', ...body });
  expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed', output_text: 'KEPT-ANSWER' });
  await expectWholeLog(platform, session_id);
  return session_id;
}

const confirm = async (platform: Platform, sessionId: string, callId: string | undefined, result: 'allow' | 'deny'): Promise<void> => {
  const message = result === 'deny' ? { deny_message: 'KEPT-REASON' } : {};
  const response = await platform.request('POST', `/v1/sessions/${sessionId}/events`, {
    events: [{ type: 'user.tool_confirmation', tool_use_id: callId, result, ...message }],
  });
  expect(response.status).toBe(200);
};

/** A turn that waits for two decisions; the ids of the calls, in the model's order. */
async function twoWaiting(platform: Platform) {
  const invocation = await invoke(platform, { model: 'rehearsal/approval', input: PROMPT, system: 'KEPT-SYSTEM', tools: ASK });
  await waitForInvocation(platform, invocation.id, ['requires_action']);
  const callIds: string[] = (await readLog(platform, invocation.session_id)).at(-1)?.body.stop_reason.event_ids;
  expect(callIds).toHaveLength(2);
  return { ...invocation, callIds };
}

/** The approval times that Temporal and Postgres hold for the calls that wait. */
async function deadlines(platform: Platform, temporal: TemporalView, sessionId: string): Promise<{ workflow: unknown[]; rows: number[] }> {
  const state = (await temporal.workflowOf(sessionId).query('state')) as { calls: { id: string; decideBy: number }[] };
  const rows = await sql<{ decide_by: Date }>(platform, 'select decide_by from tool_calls where session_id = $1 and finished_at is null order by ordinal', [
    sessionId,
  ]);
  return { workflow: state.calls.map(({ decideBy }) => decideBy), rows: rows.map(({ decide_by }) => decide_by.getTime()) };
}

/** Sends messages to a session that waits, one by one, until its history was long enough to be continued as new. */
async function sendUntilRollOver(platform: Platform, temporal: TemporalView, sessionId: string): Promise<number> {
  const first = await temporal.currentRun(sessionId);
  for (let sent = 1; sent <= 30; sent += 1) {
    await invoke(platform, { session_id: sessionId, input: 'meanwhile, KEPT-MESSAGE' });
    await waitFor(
      'the workflow to have looked',
      async () => (await sql(platform, 'select 1 from sessions where id = $1 and not wake_needed', [sessionId])).length > 0,
    );
    if ((await temporal.currentRun(sessionId)) !== first) return sent;
  }
  throw new Error(`The run of ${sessionId} was not continued as new after 30 messages.`);
}

/** A session that waits for two decisions in a run that continues another; the deadlines are those of the first run. */
export async function waitingAfterRollOver(platform: Platform, temporal: TemporalView) {
  const waiting = await twoWaiting(platform);
  const before = await deadlines(platform, temporal, waiting.session_id);
  const messages = await sendUntilRollOver(platform, temporal, waiting.session_id);
  const after = await deadlines(platform, temporal, waiting.session_id);
  expect(after).toEqual(before);
  expect(after.workflow).toEqual(after.rows);
  return { ...waiting, messages };
}

const plain: Scenario = (platform) => completed(platform, { model: 'rehearsal/plain' });
const tools: Scenario = (platform) => completed(platform, { model: 'rehearsal/tools' });
const retried: Scenario = (platform) => completed(platform, { model: 'rehearsal/retried' });

/** One call allowed by HTTP, the other denied by the workflow's own Update. */
const approval: Scenario = async (platform, temporal) => {
  const { id, session_id, callIds } = await twoWaiting(platform);
  await confirm(platform, session_id, callIds[0], 'allow');
  const verdict = await temporal.workflowOf(session_id).executeUpdate('approve', { args: [{ tool_use_id: callIds[1], result: 'deny' }] });
  expect(verdict).toBe('deny');
  expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed' });
  await expectWholeLog(platform, session_id);
  return session_id;
};

/** Interrupted in the middle of a command; the next message is answered. */
const interrupt: Scenario = async (platform) => {
  const { id, session_id } = await invoke(platform, { model: 'rehearsal/interrupt', input: PROMPT });
  await waitFor(
    'the command to run',
    async () => (await sql(platform, 'select 1 from effects where session_id = $1 and generation is not null', [session_id])).length > 0,
  );
  await platform.request('POST', `/v1/sessions/${session_id}/events`, { events: [{ type: 'user.interrupt' }] });
  expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'interrupted' });
  const next = await invoke(platform, { session_id, input: 'and now, KEPT-MESSAGE' });
  expect(await waitForInvocation(platform, next.id)).toMatchObject({ status: 'completed' });
  await expectWholeLog(platform, session_id);
  return session_id;
};

/** Continued as new while two calls wait; then one is allowed by HTTP, the other by signal, and both run. */
export const continueAsNew: Scenario = async (platform, temporal) => {
  const { id, session_id, callIds, messages } = await waitingAfterRollOver(platform, temporal);
  await confirm(platform, session_id, callIds[0], 'allow');
  await temporal.workflowOf(session_id).signal('approve', { tool_use_id: callIds[1], result: 'allow', by: 'ada' });
  expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed' });
  const log = await expectWholeLog(platform, session_id);
  expect(resultTexts(log)).toEqual([expect.stringContaining('KEPT-42A'), expect.stringContaining('KEPT-42B')]);
  expect(log.filter(({ type }) => type === 'user.message')).toHaveLength(1 + messages);
  const decided = await sql(platform, 'select decided_by from tool_calls where session_id = $1 order by ordinal', [session_id]);
  expect(decided).toEqual([{ decided_by: 'api' }, { decided_by: 'temporal-operator (unverified: ada)' }]);
  return session_id;
};

/** Scenarios whose runs are not continued, by the name of their kept history. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = { plain, tools, approval, interrupt, retried };
