import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessionWorkflowId } from '../../workflows/contract/names.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, type Invocation, invocationOf, invoke, readLog, resultTexts, sql, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

let platform: Platform;
let connection: Connection;
let client: Client;

const ASK = [{ type: 'agent_toolset_20260401', default_config: { permission_policy: { type: 'always_ask' } } }];
const bash = (command: string) => ({ name: 'bash', input: { command } });

beforeAll(async () => {
  platform = await startPlatform({
    environment: { RONDO_APPROVAL_TIMEOUT_SECONDS: '600' },
    scripts: {
      one: { replies: [{ tool_calls: [bash('echo ran >> /workspace/ran.txt; wc -l < /workspace/ran.txt')] }, { text: 'Result: {{last_result}}' }] },
      two: { replies: [{ tool_calls: [bash('echo first'), bash('echo second')] }, { text: 'done' }] },
    },
  });
  connection = await Connection.connect({ address: platform.temporalAddress });
  client = new Client({ connection, namespace: 'rondo' });
});
afterAll(async () => {
  await connection?.close();
  await platform?.stop();
});

/** A turn that waits for a person; the ids of the calls that wait. */
async function waiting(model: string): Promise<{ invocation: Invocation; callIds: string[] }> {
  const { id } = await invoke(platform, { model: `rehearsal/${model}`, input: 'go', tools: ASK });
  const invocation = await waitForInvocation(platform, id, ['requires_action']);
  const log = await readLog(platform, invocation.session_id);
  return { invocation, callIds: log.at(-1)?.body.stop_reason.event_ids };
}

const confirm = (sessionId: string, callId: string | undefined, result: 'allow' | 'deny', message?: string) =>
  platform.request('POST', `/v1/sessions/${sessionId}/events`, {
    events: [{ type: 'user.tool_confirmation', tool_use_id: callId, result, ...(message ? { deny_message: message } : {}) }],
  });

const workflowOf = (sessionId: string) => client.workflow.getHandle(sessionWorkflowId(sessionId));
const traceOf = async (sessionId: string) =>
  (await (await platform.request('GET', `/v1/sessions/${sessionId}/trace`)).json()) as { data: Record<string, unknown>[] };

describe('a call that needs approval', () => {
  it('waits on the wire as requires_action, and runs when it is allowed', async () => {
    const { invocation, callIds } = await waiting('one');
    expect(callIds).toHaveLength(1);
    expect((await confirm(invocation.session_id, callIds[0], 'allow')).status).toBe(200);
    expect(await waitForInvocation(platform, invocation.id)).toMatchObject({ status: 'completed', output_text: expect.stringContaining('1') });
    const types = (await expectWholeLog(platform, invocation.session_id)).map(({ type }) => type);
    expect(types.indexOf('user.tool_confirmation')).toBeGreaterThan(types.indexOf('session.status_idle'));
    expect(types.indexOf('agent.tool_result')).toBeGreaterThan(types.indexOf('user.tool_confirmation'));
  });

  it('is answered with the reason when it is denied, and is not run', async () => {
    const { invocation, callIds } = await waiting('one');
    await confirm(invocation.session_id, callIds[0], 'deny', 'not today');
    expect(await waitForInvocation(platform, invocation.id)).toMatchObject({ status: 'completed', output_text: 'Result: not today' });
    await expectWholeLog(platform, invocation.session_id);
  });

  it.each([
    ['archived', 'POST', '/archive'],
    ['deleted', 'DELETE', ''],
  ])('holds nothing any more when its session is %s: the run ends', async (_, method, action) => {
    const { invocation } = await waiting('one');
    const { session_id } = invocation;
    expect((await platform.request(method, `/v1/sessions/${session_id}${action}`)).status).toBe(200);
    await waitFor('the run to be over', async () => (await workflowOf(session_id).describe()).status.name === 'COMPLETED');
  });

  it('takes one decision: the second one is refused, whatever it says', async () => {
    const { invocation, callIds } = await waiting('one');
    const answers = await Promise.all(Array.from({ length: 6 }, (_, index) => confirm(invocation.session_id, callIds[0], index % 2 ? 'allow' : 'deny')));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400, 400, 400, 400, 400]);
    await waitForInvocation(platform, invocation.id);
    await expectWholeLog(platform, invocation.session_id);
  });

  it('beside another: the answered one runs at once, and the other is what is still waited for', async () => {
    const { invocation, callIds } = await waiting('two');
    expect(callIds).toHaveLength(2);
    await confirm(invocation.session_id, callIds[1], 'allow');
    await waitFor('the allowed call to have run', async () =>
      resultTexts(await readLog(platform, invocation.session_id)).some((text) => text.includes('second')),
    );
    await waitFor('the rest to be announced', async () => (await readLog(platform, invocation.session_id)).at(-1)?.body.stop_reason?.event_ids?.length === 1);
    expect((await readLog(platform, invocation.session_id)).at(-1)?.body.stop_reason.event_ids).toEqual([callIds[0]]);
    await confirm(invocation.session_id, callIds[0], 'deny');
    await waitForInvocation(platform, invocation.id);
    await expectWholeLog(platform, invocation.session_id);
  });

  it('waits through a restart of the worker', async () => {
    const { invocation, callIds } = await waiting('one');
    await platform.workers.pop()?.kill();
    await platform.startWorker();
    await confirm(invocation.session_id, callIds[0], 'allow');
    expect(await waitForInvocation(platform, invocation.id)).toMatchObject({ status: 'completed' });
    await expectWholeLog(platform, invocation.session_id);
  });

  it('keeps a message that comes meanwhile until it has been decided', async () => {
    const { invocation, callIds } = await waiting('one');
    const second = await invoke(platform, { session_id: invocation.session_id, input: 'and another thing' });
    expect((await invocationOf(platform, second.id)).status).toBe('queued');
    await confirm(invocation.session_id, callIds[0], 'allow');
    await waitForInvocation(platform, second.id, ['completed', 'requires_action']);
  });
});

describe("Temporal's own door", () => {
  it('takes the signal approve, and says who decided', async () => {
    const { invocation, callIds } = await waiting('one');
    await workflowOf(invocation.session_id).signal('approve', { tool_use_id: callIds[0], result: 'allow', by: 'ada' });
    expect(await waitForInvocation(platform, invocation.id)).toMatchObject({ status: 'completed' });
    const decided = await sql(platform, 'select decided_by from tool_calls where id = $1', [callIds[0]]);
    expect(decided).toEqual([{ decided_by: 'temporal-operator (unverified: ada)' }]);
    await expectWholeLog(platform, invocation.session_id);
  });

  it.each([
    ['an unknown call', { tool_use_id: 'sevt_01ARZ3NDEKTSV4RRFFQ69G5FAV', result: 'allow' }],
    ['a word that is no decision', { tool_use_id: 'sevt_01ARZ3NDEKTSV4RRFFQ69G5FAV', result: 'maybe' }],
    ['no object at all', 'please'],
  ])('changes nothing on a bad signal (%s), and shows it as rejected', async (_, message) => {
    const { invocation, callIds } = await waiting('one');
    await workflowOf(invocation.session_id).signal('approve', message);
    const rejected = await waitFor('the rejection in the trace', async () =>
      (await traceOf(invocation.session_id)).data.find(({ outcome }) => outcome === 'rejected'),
    );
    expect(rejected).toMatchObject({ kind: 'approval' });
    expect((await invocationOf(platform, invocation.id)).status).toBe('requires_action');
    await confirm(invocation.session_id, callIds[0], 'deny');
    await waitForInvocation(platform, invocation.id);
  });

  it('answers the update approve, and refuses a bad one without a trace in history', async () => {
    const { invocation, callIds } = await waiting('one');
    const workflow = workflowOf(invocation.session_id);
    await expect(workflow.executeUpdate('approve', { args: [{ tool_use_id: 'sevt_01ARZ3NDEKTSV4RRFFQ69G5FAV', result: 'allow' }] })).rejects.toThrow();
    expect(await workflow.executeUpdate('approve', { args: [{ tool_use_id: callIds[0], result: 'allow' }] })).toBe('allow');
    expect(await waitForInvocation(platform, invocation.id)).toMatchObject({ status: 'completed' });
  });

  it('does not answer the update with a decision that an interrupt overtook', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { invocation, callIds } = await waiting('one');
      const interrupt = () => platform.request('POST', `/v1/sessions/${invocation.session_id}/events`, { events: [{ type: 'user.interrupt' }] });
      const update = () =>
        workflowOf(invocation.session_id)
          .executeUpdate('approve', { args: [{ tool_use_id: callIds[0], result: 'allow' }] })
          .catch(() => 'refused');
      const [, answer] = await Promise.all(round % 2 === 0 ? [interrupt(), update()] : [update().then(() => interrupt()), update()]);
      await waitForInvocation(platform, invocation.id);
      const taken = (await readLog(platform, invocation.session_id)).some(({ type }) => type === 'user.tool_confirmation');
      if (answer === 'allow') expect(taken).toBe(true);
    }
  });

  it('lets HTTP and signal race to one decision', async () => {
    const { invocation, callIds } = await waiting('one');
    const [answer] = await Promise.all([
      confirm(invocation.session_id, callIds[0], 'deny', 'by http'),
      workflowOf(invocation.session_id).signal('approve', { tool_use_id: callIds[0], result: 'allow' }),
    ]);
    const { output_text: output } = await waitForInvocation(platform, invocation.id);
    expect(answer.status === 200 ? output : '').toBe(answer.status === 200 ? 'Result: by http' : '');
    await expectWholeLog(platform, invocation.session_id);
  });
});

describe('an approval nobody gives', () => {
  it('is a denial when its time is up', async () => {
    const quick = await startPlatform({
      environment: { RONDO_APPROVAL_TIMEOUT_SECONDS: '1', RONDO_APPROVE_BY_SIGNAL: 'off' },
      scripts: { one: { replies: [{ tool_calls: [bash('echo never')] }, { text: 'Result: {{last_result}}' }] } },
    });
    try {
      const { id } = await invoke(quick, { model: 'rehearsal/one', input: 'go', tools: ASK });
      expect(await waitForInvocation(quick, id)).toMatchObject({ status: 'completed', output_text: expect.stringContaining('Nobody decided') });
    } finally {
      await quick.stop();
    }
  });

  it('cannot be given by signal where that door is closed', async () => {
    const closed = await startPlatform({
      environment: { RONDO_APPROVE_BY_SIGNAL: 'off' },
      scripts: { one: { replies: [{ tool_calls: [bash('echo never')] }, { text: 'x' }] } },
    });
    try {
      const { id, session_id } = await invoke(closed, { model: 'rehearsal/one', input: 'go', tools: ASK });
      await waitForInvocation(closed, id, ['requires_action']);
      const callId = (await readLog(closed, session_id)).at(-1)?.body.stop_reason.event_ids[0];
      await workflowOf(session_id).signal('approve', { tool_use_id: callId, result: 'allow' });
      await waitFor('the rejection', async () => (await sql(closed, `select 1 from attempts where outcome = 'rejected'`)).length > 0);
      expect((await invocationOf(closed, id)).status).toBe('requires_action');
    } finally {
      await closed.stop();
    }
  });
});
