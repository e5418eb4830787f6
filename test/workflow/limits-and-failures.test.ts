import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, invoke, sql, waitForInvocation } from '../support/sessions.js';

let platform: Platform;
const step = (number: number) => ({ tool_calls: [{ name: 'bash', input: { command: `echo step ${number}` } }] });

beforeAll(async () => {
  platform = await startPlatform({
    scripts: {
      steps: { replies: [...Array.from({ length: 12 }, (_, index) => step(index)), { text: 'all done' }] },
      parrot: { replies: [{ tool_calls: [{ name: 'bash', input: { command: 'echo same' } }] }], after_last: 'loop' },
      sleepy: { replies: [{ tool_calls: [{ name: 'bash', input: { command: 'sleep 60' } }] }, { text: 'awake' }] },
      bad: {
        rules: [{ match: 'better', replies: [{ text: 'better' }] }],
        replies: [{ error: { status: 400, type: 'invalid_request_error', message: 'no such thing' } }],
      },
      busy: { replies: [{ error: { status: 529, type: 'overloaded_error', message: 'busy', times: 2 }, text: 'at last' }] },
      limited: {
        replies: [{ error: { status: 429, type: 'rate_limit_error', message: 'slow down', times: 1, headers: { 'retry-after': '1' } }, text: 'at last' }],
      },
      dropped: { replies: [{ text: 'one two three', error: { status: 500, after_chunks: 2, times: 1 } }] },
      refusing: { replies: [{ text: 'I will not.', stop_reason: 'refusal' }] },
      broken: { replies: [{ tool_calls: [{ name: 'bash', input: '{"command": "ec' }] }, { text: 'I saw: {{last_result}}' }] },
      unknown: { replies: [{ tool_calls: [{ name: 'teleport', input: {} }] }, { text: 'I saw: {{last_result}}' }] },
    },
  });
});
afterAll(() => platform.stop());

const errorsIn = (log: { type: string; body: { error?: { type: string; retry_status: { type: string } } } }[]) =>
  log.flatMap(({ type, body }) => (type === 'session.error' && body.error ? [[body.error.type, body.error.retry_status.type]] : []));

describe('limits of a turn', () => {
  it('max_steps ends it on the wire as retries_exhausted, and a further invoke may raise it', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/steps', input: 'go', limits: { max_steps: 3 } });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'failed', steps: 3, stop_reason: { type: 'retries_exhausted', cause: 'max_steps' } });
    expect(errorsIn(await expectWholeLog(platform, session_id))).toEqual([['tool_use_limit_reached_error', 'exhausted']]);
    const raised = await invoke(platform, { session_id, input: 'go on', limits: { max_steps: 50 } });
    expect(await waitForInvocation(platform, raised.id)).toMatchObject({ status: 'completed', output_text: 'all done', steps: 13 });
    await expectWholeLog(platform, session_id);
  });

  it('max_tokens ends it as budget_reached', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/steps', input: 'go', limits: { max_tokens: 60 } });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'failed', stop_reason: { type: 'budget_reached', cause: 'max_tokens' } });
    await expectWholeLog(platform, session_id);
  });

  it('max_seconds ends it in the middle of a command', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/sleepy', input: 'go', limits: { max_seconds: 3 } });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'failed', stop_reason: { type: 'budget_reached', cause: 'max_seconds' } });
    await expectWholeLog(platform, session_id);
  });

  it('the same call with the same input five times in a row ends it', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/parrot', input: 'go' });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'failed', steps: 5, stop_reason: { cause: 'repeated_call' } });
    await expectWholeLog(platform, session_id);
  });
});

describe('a model that fails', () => {
  it('with a 4xx is not asked again; the turn fails, the session lives on', async () => {
    platform.rehearsal.forgetRequests();
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/bad', input: 'go' });
    expect(await waitForInvocation(platform, id)).toMatchObject({
      status: 'failed',
      stop_reason: { cause: 'model_request_failed', message: expect.stringContaining('no such thing') },
    });
    expect(platform.rehearsal.requests()).toHaveLength(1);
    expect(errorsIn(await expectWholeLog(platform, session_id))).toEqual([['model_request_failed_error', 'exhausted']]);
    const next = await invoke(platform, { session_id, input: 'do better' });
    expect(await waitForInvocation(platform, next.id)).toMatchObject({ status: 'completed', output_text: 'better' });
    await expectWholeLog(platform, session_id);
  });

  it.each([
    ['busy', 'model_overloaded_error', 2],
    ['limited', 'model_rate_limited_error', 1],
    ['dropped', 'model_overloaded_error', 1],
  ])('for a while (%s) is asked again, visibly', async (script, error, times) => {
    const { id, session_id } = await invoke(platform, { model: `rehearsal/${script}`, input: 'go' });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed' });
    const log = await expectWholeLog(platform, session_id);
    expect(errorsIn(log)).toEqual(Array.from({ length: times }, () => [error, 'retrying']));
    expect(log.some(({ type }) => type === 'session.status_rescheduled')).toBe(true);
    expect(log.filter(({ type }) => type === 'agent.message')).toHaveLength(1);
  });

  it('by silence is cut off by the watchdog and asked again', async () => {
    // With its patience every other answer here would be cut off where the machine is busy for a second.
    const impatient = await startPlatform({
      environment: { RONDO_MODEL_STALL_SECONDS: '1' },
      scripts: { silent: { replies: [[{ text: 'one two three four five', stall_after: 2 }]] } },
    });
    try {
      const { session_id } = await invoke(impatient, { model: 'rehearsal/silent', input: 'go' });
      const attempts = () =>
        sql<{ error_code: string }>(impatient, `select error_code from attempts where session_id = $1 and outcome = 'error'`, [session_id]);
      await expect.poll(attempts, { timeout: 30_000 }).toContainEqual({ error_code: 'model.stalled' });
    } finally {
      await impatient.stop();
    }
  });

  it('by refusing is idle with refusal', async () => {
    const { id } = await invoke(platform, { model: 'rehearsal/refusing', input: 'go' });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed', stop_reason: { type: 'refusal' } });
  });

  it('with a call whose input is no JSON is told so, and nothing is run', async () => {
    const { id } = await invoke(platform, { model: 'rehearsal/broken', input: 'go' });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed', output_text: expect.stringContaining('not a JSON object') });
  });

  it('with a tool that does not exist is told so', async () => {
    const { id } = await invoke(platform, { model: 'rehearsal/unknown', input: 'go' });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed', output_text: expect.stringContaining('no tool named') });
  });
});
