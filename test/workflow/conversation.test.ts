import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStream } from '../support/live-stream.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, invoke, readLog, resultTexts, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

let platform: Platform;
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const bash = (command: string) => ({ name: 'bash', input: { command } });
const WEATHER = {
  type: 'custom',
  name: 'weather',
  description: 'The weather in a city.',
  input_schema: { type: 'object', properties: { city: { type: 'string' } } },
};

beforeAll(async () => {
  platform = await startPlatform({
    scripts: {
      echo: { replies: [{ text: 'You said {{input}}' }] },
      slow: {
        rules: [{ match: 'change of plan', replies: [{ text: 'New plan it is.' }] }],
        replies: [{ tool_calls: [bash('touch begun; until [ -e end ]; do sleep 0.05; done; echo slept')] }, { text: 'old plan' }],
      },
      shell: { replies: [{ tool_calls: [bash('cd /tmp && X=kept')] }, { tool_calls: [bash('echo $X in $PWD')] }, { text: '{{last_result}}' }] },
      many: {
        replies: [
          {
            tool_calls: [
              bash('sleep 0.3; echo 1 >> /workspace/order'),
              bash('echo 2 >> /workspace/order'),
              { name: 'glob', input: { pattern: '*' } },
              bash('cat /workspace/order'),
            ],
          },
          { text: '{{last_result}}' },
        ],
      },
      weather: {
        replies: [
          {
            tool_calls: [
              { name: 'weather', input: { city: 'Oslo' } },
              { name: 'weather', input: { city: 'Rome' } },
            ],
          },
          { text: 'It is {{last_result}}.' },
        ],
      },
      large: { replies: [{ tool_calls: [bash('head -c 3000000 /dev/zero | tr "\\0" x')] }, { text: 'seen' }] },
    },
  });
});
afterAll(() => platform.stop());

const send = (sessionId: string, ...events: object[]) => platform.request('POST', `/v1/sessions/${sessionId}/events`, { events });

describe('invoke', () => {
  it('answers in wait mode with output, usage and cold start', async () => {
    const response = await platform.request('POST', '/v1/invoke', { model: 'rehearsal/echo', input: 'hello' });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      type: 'invocation',
      status: 'completed',
      output: [{ type: 'text', text: 'You said hello' }],
      output_text: 'You said hello',
      stop_reason: { type: 'end_turn' },
      steps: 1,
      usage: { output_tokens: expect.any(Number) },
      cold_start_ms: expect.any(Number),
    });
  });

  it('streams the events of the turn and ends with the invocation', async () => {
    const response = await platform.request('POST', '/v1/invoke', { model: 'rehearsal/echo', input: 'hello', mode: 'stream' });
    const text = await response.text();
    expect([...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name).filter((name) => !name?.startsWith('event_'))).toEqual([
      'user.message',
      'session.thread_status_running',
      'session.status_running',
      'span.model_request_start',
      'agent.message',
      'span.model_request_end',
      'session.thread_status_idle',
      'session.status_idle',
      'rondo.invocation',
    ]);
  });

  it('gives the same invocation for the same key, also when asked many times at once', async () => {
    const body = { model: 'rehearsal/echo', input: 'once', mode: 'background' };
    const ask = (input: string) => platform.request('POST', '/v1/invoke', { ...body, input }, { 'idempotency-key': 'key-1' });
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask('once')));
    const ids = new Set(await Promise.all(answers.map(async (answer) => ((await answer.json()) as { id: string }).id)));
    expect(ids.size).toBe(1);
    expect((await ask('something else')).status).toBe(409);
  });

  it('goes on with a session, which remembers what was said', async () => {
    platform.rehearsal.forgetRequests();
    const first = await invoke(platform, { model: 'rehearsal/echo', input: 'first' });
    await waitForInvocation(platform, first.id);
    const second = await invoke(platform, { session_id: first.session_id, input: 'second' });
    await waitForInvocation(platform, second.id);
    const body = platform.rehearsal.requests().at(-1)?.body as { messages: { role: string }[] } | undefined;
    expect(body?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
  });

  it('passes images to the model', async () => {
    platform.rehearsal.forgetRequests();
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } };
    const { id } = await invoke(platform, { model: 'rehearsal/echo', input: [{ type: 'text', text: 'look' }, image] });
    await waitForInvocation(platform, id);
    expect(JSON.stringify(platform.rehearsal.requests().at(-1)?.body)).toContain(PIXEL);
  });
});

describe('the loop', () => {
  it('takes a message that comes while it runs at the next step, in order', async () => {
    const first = await invoke(platform, { model: 'rehearsal/slow', input: 'go' });
    const workspace = join(platform.home, 'workspaces', first.session_id);
    await waitFor('the command to run', () => existsSync(join(workspace, 'begun')));
    const second = await invoke(platform, { session_id: first.session_id, input: 'change of plan' });
    writeFileSync(join(workspace, 'end'), '');
    expect(await waitForInvocation(platform, second.id)).toMatchObject({ output_text: 'New plan it is.' });
    expect(await waitForInvocation(platform, first.id), 'inputs taken by one turn share its output').toMatchObject({ output_text: 'New plan it is.' });
    await expectWholeLog(platform, first.session_id);
  });

  it('keeps the shell between calls', async () => {
    const { id } = await invoke(platform, { model: 'rehearsal/shell', input: 'go' });
    expect(await waitForInvocation(platform, id)).toMatchObject({ output_text: 'kept in /tmp' });
  });

  it("runs calls that change the workspace in the model's order", async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/many', input: 'go' });
    expect(await waitForInvocation(platform, id)).toMatchObject({ output_text: '1\n2' });
    await expectWholeLog(platform, session_id);
  });

  it('bounds a large output, keeps the rest in a file and says so', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/large', input: 'go' });
    await waitForInvocation(platform, id);
    const [text = ''] = resultTexts(await expectWholeLog(platform, session_id));
    expect(text.length).toBeLessThan(200_000);
    expect(text).toMatch(/\/workspace\/\.rondo\/outputs\/\S+/);
  });

  it('hands custom tools to the client and goes on with its results', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/weather', input: 'go', tools: [WEATHER] });
    await waitForInvocation(platform, id, ['requires_action']);
    const calls = (await readLog(platform, session_id)).filter(({ type }) => type === 'agent.custom_tool_use');
    const answer = (index: number, text: string) => ({
      type: 'user.custom_tool_result',
      custom_tool_use_id: calls[index]?.id,
      content: [{ type: 'text', text }],
    });
    expect((await send(session_id, answer(1, 'sunny'))).status).toBe(200);
    await waitFor('the rest to be announced', async () => (await readLog(platform, session_id)).at(-1)?.body.stop_reason?.event_ids?.length === 1);
    expect((await send(session_id, answer(0, 'snowing'), answer(0, 'snowing twice'))).status, 'a repeated result is accepted and ignored').toBe(200);
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed', output_text: 'It is sunny.' });
    await expectWholeLog(platform, session_id);
  });

  it('sends each event once, the same in list and stream, and replays from any point', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/shell', input: 'go' });
    await waitForInvocation(platform, id);
    const list = (await (await platform.request('GET', `/v1/sessions/${session_id}/events?limit=1000`)).json()) as { data: { id: string }[] };
    const whole = await openStream(platform, `/v1/sessions/${session_id}/events/stream?after=0`);
    await whole.find(({ event }) => event === 'session.status_idle');
    expect(whole.frames.map(({ data }) => data)).toEqual(list.data);
    const middle = whole.frames[5];
    const rest = await openStream(platform, `/v1/sessions/${session_id}/events/stream`, { 'last-event-id': middle?.id ?? '' });
    await rest.find(({ event }) => event === 'session.status_idle');
    expect(rest.frames).toEqual(whole.frames.slice(6));
    whole.close();
    rest.close();
  });
});

describe('an OpenAI-compatible provider', () => {
  it('that reuses its own call ids in every turn gets the right results to the right calls', async () => {
    const other = await startPlatform({
      environment: { OPENAI_BASE_URL: `${platform.rehearsal.url}/v1` },
    });
    try {
      const { id, session_id } = await invoke(other, { model: 'openai/shell', input: 'go' });
      expect(await waitForInvocation(other, id)).toMatchObject({ status: 'completed', output_text: 'kept in /tmp' });
      const log = await expectWholeLog(other, session_id);
      expect(new Set(log.filter(({ type }) => type === 'agent.tool_use').map((call) => call.id)).size).toBe(2);
    } finally {
      await other.stop();
    }
  });
});
