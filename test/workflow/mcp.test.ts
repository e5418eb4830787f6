import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { listenOnLoopback } from '../support/loopback-server.js';
import { startMcpServer, type TestMcpServer, textTool } from '../support/mcp-server.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, invoke, type LogRow, readLog, sql, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

const TOKEN = 'mcp-token-4f1d9a7c';

let platform: Platform;
let server: TestMcpServer;
/** Arguments of calls that ran, in order. */
const effects: string[] = [];

const write = (name: string, annotations?: { idempotentHint: boolean }) =>
  textTool(
    name,
    ({ text }) => {
      effects.push(String(text));
      return `wrote ${String(text)}`;
    },
    annotations,
  );
const call = (tool: string, text = 'x') => ({ name: `mcp__db__${tool}`, input: { text } });

beforeAll(async () => {
  server = await startMcpServer([write('write')]);
  platform = await startPlatform({
    environment: { RONDO_ALLOW_PRIVATE: '127.0.0.0/8' },
    scripts: {
      once: { replies: [{ tool_calls: [call('write', 'first')] }, { text: 'Result: {{last_result}}' }] },
      slow: { replies: [{ tool_calls: [call('slow', 'slow')] }, { text: 'Result: {{last_result}}' }] },
      big: {
        replies: [
          { tool_calls: [call('big')] },
          { tool_calls: [{ name: 'bash', input: { command: 'wc -c < /workspace/.rondo/results/*' } }] },
          { text: 'Result: {{last_result}}' },
        ],
      },
      says: { replies: [{ text: 'nothing to do' }] },
    },
  });
});
afterEach(() => {
  server.offer([write('write')]);
  server.requireToken(undefined);
  server.asked.length = 0;
  effects.length = 0;
});
afterAll(async () => {
  await platform?.stop();
  await server?.close();
});

interface Setup {
  readonly policy?: 'always_allow' | 'always_ask';
  readonly configs?: readonly unknown[];
  readonly url?: string;
  readonly tools?: readonly unknown[];
}

/** A session whose agent has the server's tools. */
async function aSession(
  script: string,
  { policy = 'always_allow', configs = [], url = server.url, tools = [] }: Setup = {},
  vaultIds: string[] = [],
): Promise<string> {
  const agent = await platform.sdk.beta.agents.create({
    name: 'a',
    model: `rehearsal/${script}`,
    mcp_servers: [{ type: 'url', name: 'db', url }],
    tools: [{ type: 'mcp_toolset', mcp_server_name: 'db', default_config: { permission_policy: { type: policy } }, configs }, ...tools] as never,
  });
  const environment = await platform.sdk.beta.environments.create({ name: `e-${Math.random()}` });
  const session = await platform.sdk.beta.sessions.create({ agent: agent.id, environment_id: environment.id, vault_ids: vaultIds });
  return session.id;
}

interface AuditLine {
  readonly tool_use_ids: readonly string[];
}

const ask = (sessionId: string) => invoke(platform, { session_id: sessionId, input: 'go' });
const bodiesOf = (log: readonly LogRow[], type: string) => log.filter((row) => row.type === type).map(({ body }) => body);

describe("an MCP server's tools", () => {
  it('are listed at the start of a turn, offered to the model, and called; the wire names server, tool and policy', async () => {
    const sessionId = await aSession('once');
    const { id } = await ask(sessionId);
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed', output_text: 'Result: wrote first' });
    const log = await readLog(platform, sessionId);
    const [use] = log.filter(({ type }) => type === 'agent.mcp_tool_use');
    expect(use?.body).toMatchObject({
      mcp_server_name: 'db',
      name: 'write',
      input: { text: 'first' },
      evaluated_permission: 'allow',
      evaluation: { type: 'always_allow' },
    });
    expect(bodiesOf(log, 'agent.mcp_tool_result')).toEqual([{ mcp_tool_use_id: use?.id, content: [{ type: 'text', text: 'wrote first' }], is_error: false }]);
    expect(effects).toEqual(['first']);
    expect(server.asked.filter((method) => method === 'tools/list')).toHaveLength(1);
    const trace = await sql<{ name: string; outcome: string }>(
      platform,
      "select name, outcome from attempts where session_id = $1 and kind = 'mcp_call' order by started_at",
      [sessionId],
    );
    expect(trace).toEqual([
      { name: 'tools/list db', outcome: 'ok' },
      { name: 'db/write', outcome: 'ok' },
    ]);
    await expectWholeLog(platform, sessionId);
  });

  it('ask a person first unless the agent says otherwise, and a tool of its own setting follows that', async () => {
    const sessionId = await aSession('once', { policy: 'always_ask' });
    const { id } = await ask(sessionId);
    await waitForInvocation(platform, id, ['requires_action']);
    expect(effects).toEqual([]);
    const callId = (await readLog(platform, sessionId)).findLast(({ type }) => type === 'agent.mcp_tool_use')?.id ?? '';
    await platform.sdk.beta.sessions.events.send(sessionId, { events: [{ type: 'user.tool_confirmation', tool_use_id: callId, result: 'allow' }] });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed' });
    expect(effects).toEqual(['first']);

    const allowed = await aSession('once', { policy: 'always_ask', configs: [{ name: 'write', permission_policy: { type: 'always_allow' } }] });
    expect(await waitForInvocation(platform, (await ask(allowed)).id)).toMatchObject({ status: 'completed' });
  });

  it('that are switched off are not offered, and a call of one is refused', async () => {
    const sessionId = await aSession('once', { configs: [{ name: 'write', enabled: false }] });
    expect(await waitForInvocation(platform, (await ask(sessionId)).id)).toMatchObject({ output_text: expect.stringContaining('There is no tool named') });
    expect(effects).toEqual([]);
  });

  it('may change between turns', async () => {
    const sessionId = await aSession('once');
    await waitForInvocation(platform, (await ask(sessionId)).id);
    server.offer([]);
    expect(await waitForInvocation(platform, (await ask(sessionId)).id)).toMatchObject({ output_text: expect.stringContaining('There is no tool named') });
  });
});

describe('a server that fails', () => {
  it('costs the turn its tools: clients are told once, the model goes on, and the next turn asks again', async () => {
    const away = await startMcpServer([write('write')]);
    const { url } = away;
    await away.close();
    const sessionId = await aSession('says', { url });
    expect(await waitForInvocation(platform, (await ask(sessionId)).id)).toMatchObject({ status: 'completed', output_text: 'nothing to do' });
    const log = await expectWholeLog(platform, sessionId);
    expect(bodiesOf(log, 'session.error')).toEqual([
      { error: { type: 'mcp_connection_failed_error', mcp_server_name: 'db', message: expect.any(String), retry_status: { type: 'retrying' } } },
    ]);
    const types = log.map(({ type }) => type);
    expect(types.indexOf('session.error')).toBeGreaterThan(types.indexOf('session.status_running'));
    expect(types.indexOf('session.error')).toBeLessThan(types.indexOf('span.model_request_start'));
    await waitForInvocation(platform, (await ask(sessionId)).id);
    expect(bodiesOf(await readLog(platform, sessionId), 'session.error')).toHaveLength(2);
  });

  it('for want of a token is told as such; with the token of a vault it answers, and the token is nowhere to be seen', async () => {
    server.requireToken(TOKEN);
    const without = await aSession('says');
    await waitForInvocation(platform, (await ask(without)).id);
    expect(bodiesOf(await readLog(platform, without), 'session.error')).toMatchObject([
      { error: { type: 'mcp_authentication_failed_error', mcp_server_name: 'db' } },
    ]);

    const vault = await platform.sdk.beta.vaults.create({ display_name: 'v' });
    await platform.sdk.beta.vaults.credentials.create(vault.id, { auth: { type: 'static_bearer', mcp_server_url: server.url, token: TOKEN } });
    server.offer([{ tool: { name: 'write' }, run: (_, { request }) => ({ content: [{ type: 'text', text: `header ${request.headers.authorization}` }] }) }]);
    const sessionId = await aSession('once', {}, [vault.id]);
    expect(await waitForInvocation(platform, (await ask(sessionId)).id)).toMatchObject({ output_text: 'Result: header Bearer [secret]' });
    const rows = await sql<{ text: string }>(
      platform,
      `select coalesce(string_agg(to_jsonb(e)::text, ' '), '') || coalesce((select string_agg(to_jsonb(a)::text, ' ') from attempts a), '')
         || coalesce((select string_agg(to_jsonb(m)::text, ' ') from mcp_tool_lists m), '') || coalesce((select string_agg(to_jsonb(f)::text, ' ') from effects f), '') as text
       from events e`,
    );
    expect(rows[0]?.text).not.toContain(TOKEN);
    const [call] = (await readLog(platform, sessionId)).filter(({ type }) => type === 'agent.mcp_tool_use');
    const audit = await waitFor('the audit of listing and call', async () => {
      const { data } = (await (await platform.request('GET', `/v1/sessions/${sessionId}/network_requests`)).json()) as { data: AuditLine[] };
      return data.some(({ tool_use_ids: ids }) => ids.length > 0) && data.some(({ tool_use_ids: ids }) => ids.length === 0) ? data : undefined;
    });
    for (const line of audit)
      expect(line).toMatchObject({ asker: 'server', path: '/mcp', decision: 'allow', credential_ids: [expect.stringMatching(/^vcrd_/)] });
    expect(new Set(audit.flatMap(({ tool_use_ids: ids }) => ids))).toEqual(new Set([call?.id]));
    expect(JSON.stringify(audit)).not.toContain(TOKEN);
    expect(platform.workers.map((worker) => worker.output()).join('')).not.toContain(TOKEN);
  });

  it('in the middle of a call leaves its outcome unknown, and the call is not sent again', async () => {
    server.offer([
      {
        tool: { name: 'write' },
        run: (_, { request }) => {
          effects.push('half');
          return new Promise(() => void request.socket.destroy());
        },
      },
    ]);
    const sessionId = await aSession('once');
    expect(await waitForInvocation(platform, (await ask(sessionId)).id)).toMatchObject({
      output_text: expect.stringContaining('outcome of this call is unknown'),
    });
    expect(effects).toEqual(['half']);
  });

  it('in the middle of a call that may be repeated is asked again', async () => {
    server.offer([
      {
        tool: { name: 'write', annotations: { idempotentHint: true } },
        run: (_, { request }) => {
          effects.push('try');
          return effects.length < 2 ? new Promise(() => void request.socket.destroy()) : { content: [{ type: 'text', text: 'second time lucky' }] };
        },
      },
    ]);
    const sessionId = await aSession('once');
    expect(await waitForInvocation(platform, (await ask(sessionId)).id)).toMatchObject({ output_text: 'Result: second time lucky' });
    expect(effects).toEqual(['try', 'try']);
  });
});

describe('a server that hangs when it is asked for its tools', () => {
  it('does not hold up an interrupt', async () => {
    const arrived = Promise.withResolvers<void>();
    const hanging = createServer(() => arrived.resolve());
    const url = `http://127.0.0.1:${await listenOnLoopback(hanging)}/mcp`;
    onTestFinished(() => {
      hanging.closeAllConnections();
      hanging.close();
    });
    const sessionId = await aSession('says', { url });
    const { id } = await ask(sessionId);
    await arrived.promise;
    expect((await readLog(platform, sessionId)).map(({ type }) => type)).toEqual(['user.message', 'session.thread_status_running', 'session.status_running']);
    await platform.sdk.beta.sessions.events.send(sessionId, { events: [{ type: 'user.interrupt' }] });
    expect(await waitForInvocation(platform, id, undefined, 10_000)).toMatchObject({ status: 'interrupted' });
    await expectWholeLog(platform, sessionId);
  });
});

describe('a call under way', () => {
  /** A tool that has begun and does not end before it is told to. */
  function slowTool(annotations?: { idempotentHint: boolean }) {
    const began = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    server.offer([
      {
        tool: { name: 'slow', ...(annotations ? { annotations } : {}) },
        run: async () => {
          effects.push('slow');
          began.resolve();
          await end.promise;
          return { content: [{ type: 'text', text: 'done' }] };
        },
      },
    ]);
    return { began: began.promise, end: end.resolve };
  }

  it('survives the SIGKILL of its worker honestly: its effect is there once, and the model is told that nobody knows', async () => {
    const tool = slowTool();
    const sessionId = await aSession('slow');
    const { id } = await ask(sessionId);
    await tool.began;
    await platform.workers.pop()?.kill();
    await platform.startWorker();
    expect(await waitForInvocation(platform, id)).toMatchObject({ output_text: expect.stringContaining('outcome of this call is unknown') });
    expect(effects).toEqual(['slow']);
    const attempts = await sql(platform, "select outcome from attempts where session_id = $1 and name = 'db/slow' order by started_at", [sessionId]);
    expect(attempts).toEqual([{ outcome: 'lost' }, { outcome: 'lost' }]);
    tool.end();
    await expectWholeLog(platform, sessionId);
  });

  it('is sent again after the SIGKILL of its worker when it may be repeated', async () => {
    const tool = slowTool({ idempotentHint: true });
    const sessionId = await aSession('slow');
    const { id } = await ask(sessionId);
    await tool.began;
    await platform.workers.pop()?.kill();
    await platform.startWorker();
    await waitFor('the second call', () => effects.length === 2);
    tool.end();
    expect(await waitForInvocation(platform, id)).toMatchObject({ output_text: 'Result: done' });
  });

  it('is finished by a worker that is asked to end', async () => {
    const tool = slowTool();
    const sessionId = await aSession('slow');
    const { id } = await ask(sessionId);
    await tool.began;
    await platform.startWorker();
    const stopped = platform.workers.shift()?.stop();
    // Of the ten seconds that it has, so that it knows that it is to end.
    await delay(1_000);
    tool.end();
    await stopped;
    expect(await waitForInvocation(platform, id)).toMatchObject({ output_text: 'Result: done' });
    expect(effects).toEqual(['slow']);
  });

  it('ends at once with an interrupt, and the server is told', async () => {
    const tool = slowTool();
    const sessionId = await aSession('slow');
    const { id } = await ask(sessionId);
    await tool.began;
    await platform.sdk.beta.sessions.events.send(sessionId, { events: [{ type: 'user.interrupt' }] });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'interrupted' });
    await waitFor('the server to be told', () => server.asked.includes('notifications/cancelled'));
    tool.end();
    const [result] = bodiesOf(await readLog(platform, sessionId), 'agent.mcp_tool_result');
    expect(result.content[0].text).toContain('had been sent');
    await expectWholeLog(platform, sessionId);
  });
});

describe('a result of ten megabytes', () => {
  it('goes into a file that the model can read', async () => {
    server.offer([textTool('big', () => 'a'.repeat(10 * 1024 * 1024))]);
    const sessionId = await aSession('big', { tools: [{ type: 'agent_toolset_20260401' }] });
    expect(await waitForInvocation(platform, (await ask(sessionId)).id)).toMatchObject({ output_text: expect.stringContaining(String(10 * 1024 * 1024)) });
    const [result] = bodiesOf(await readLog(platform, sessionId), 'agent.mcp_tool_result');
    expect(result.content[0].text.length).toBeLessThan(10_000);
    expect(result.content[0].text).toContain('/workspace/.rondo/results/');
  });

  it('is cut, and says so, where the model has no sandbox', async () => {
    server.offer([textTool('big', () => 'a'.repeat(10 * 1024 * 1024))]);
    const sessionId = await aSession('big');
    await waitForInvocation(platform, (await ask(sessionId)).id);
    const [result] = bodiesOf(await readLog(platform, sessionId), 'agent.mcp_tool_result');
    expect(result.content[0].text).toContain('the rest is lost');
    expect(result.content[0].text.length).toBeLessThan(401_000);
  });
});
