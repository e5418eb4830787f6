import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listenOnLoopback } from '../support/loopback-server.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, invoke, type LogRow, readLog, sql, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const KEY = 'search-key-77aa';

let platform: Platform;
let unsearched: Platform;
let site: Server;
let inside: Server;
let sitePort = 0;
let insidePort = 0;
const asked: string[] = [];
const trespasses: string[] = [];
let hits: unknown[] = [];

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '', 'http://site.test');
  asked.push(`${url.pathname}${url.search}`);
  const send = (type: string, body: string | Buffer, status = 200) => void response.writeHead(status, { 'content-type': type }).end(body);
  switch (url.pathname) {
    case '/page':
      return send('text/html; charset=utf-8', '<title>A page</title><h1>Grüße</h1><a href="/next">next</a>');
    case '/latin':
      return send('text/html; charset=iso-8859-1', Buffer.from('<p>Gr\xfc\xdfe</p>', 'latin1'));
    case '/json':
      return send('application/json', '{"a":1}');
    case '/long':
      return send('text/plain', 'word '.repeat(10_000));
    case '/image':
      return send('application/octet-stream', PNG);
    case '/binary':
      return send('application/zip', Buffer.from([0x50, 0x4b, 3, 4, 0, 0]));
    case '/to-inside':
      return void response.writeHead(302, { location: `http://127.0.0.1:${insidePort}/secret` }).end();
    case '/to-localhost':
      return void response.writeHead(302, { location: `http://localhost:${sitePort}/page` }).end();
    case '/search':
      return request.headers.authorization === `Bearer ${KEY}` ? send('application/json', JSON.stringify({ results: hits })) : send('text/plain', 'no', 403);
    default:
      return send('text/html', '<p>nothing here</p>', 404);
  }
}

beforeAll(async () => {
  site = createServer(answer);
  sitePort = await listenOnLoopback(site);
  inside = createServer((request, response) => {
    trespasses.push(request.url ?? '');
    response.end('secret');
  });
  insidePort = await listenOnLoopback(inside);
  const fetchOf = (path: string) => ({ name: 'web_fetch', input: { url: `http://127.0.0.1:${sitePort}${path}` } });
  const script = (...calls: unknown[]) => ({ replies: [...calls.map((one) => ({ tool_calls: [one] })), { text: 'Result: {{last_result}}' }] });
  const scripts = {
    ...Object.fromEntries(
      ['page', 'latin', 'json', 'long', 'image', 'binary', 'gone', 'to-inside', 'to-localhost'].map((path) => [path, script(fetchOf(`/${path}`))]),
    ),
    inside: script({ name: 'web_fetch', input: { url: `http://127.0.0.1:${insidePort}/secret` } }),
    metadata: script({ name: 'web_fetch', input: { url: 'http://169.254.169.254/latest/meta-data/' } }),
    nonsense: script({ name: 'web_fetch', input: { address: 'x' } }),
    search: script({ name: 'web_search', input: { query: 'rondo' } }),
    'search-then-read': script({ name: 'web_search', input: { query: 'rondo' } }, fetchOf('/page')),
  } as never;
  platform = await startPlatform({
    scripts,
    environment: { RONDO_ALLOW_PRIVATE: `127.0.0.1:${sitePort}`, RONDO_SEARCH_URL: `http://127.0.0.1:${sitePort}`, RONDO_SEARCH_KEY: KEY },
  });
  unsearched = await startPlatform({ scripts, environment: { RONDO_ALLOW_PRIVATE: `127.0.0.1:${sitePort}` } });
});
beforeEach(() => {
  asked.length = 0;
});
afterAll(async () => {
  await platform?.stop();
  await unsearched?.stop();
  for (const server of [site, inside]) {
    server?.closeAllConnections();
    server?.close();
  }
});

/** A turn of its own session; the log and the last result of one of the two tools. */
async function run(
  script: string,
  configs: readonly unknown[] = [],
  { on = platform, input = 'go' } = {},
): Promise<{ log: LogRow[]; result: LogRow['body']; sessionId: string }> {
  const { id } = await invoke(on, { model: `rehearsal/${script}`, input, tools: [{ type: 'agent_toolset_20260401', configs }] });
  const { session_id: sessionId } = await waitForInvocation(on, id);
  const log = await readLog(on, sessionId);
  return { log, sessionId, result: log.findLast(({ type }) => type === 'agent.tool_result')?.body };
}
const audit = (sessionId: string, count: number) =>
  waitFor(`${count} lines of audit`, async () => {
    const { data } = (await (await platform.request('GET', `/v1/sessions/${sessionId}/network_requests`)).json()) as { data: Record<string, unknown>[] };
    return data.length >= count ? data : undefined;
  });
const textOf = (result: LogRow['body']): string => result.content.map((block: { text?: string }) => block.text ?? '').join('\n');

describe('web_fetch', () => {
  it('reads a page as text with its links, without a sandbox, and counts', async () => {
    const { log, result, sessionId } = await run('page');
    expect(textOf(result)).toContain('Title: A page');
    expect(textOf(result)).toContain('Grüße');
    expect(textOf(result)).toContain(`next [http://127.0.0.1:${sitePort}/next]`);
    expect(result.is_error).toBe(false);
    expect(log.find(({ type }) => type === 'agent.tool_use')?.body).toMatchObject({ name: 'web_fetch', evaluated_permission: 'allow' });
    const rows = await sql(
      platform,
      'select web_fetches::int, (select count(*)::int from sandboxes where session_id = $1) as sandboxes from sessions where id = $1',
      [sessionId],
    );
    expect(rows).toEqual([{ web_fetches: 1, sandboxes: 0 }]);
    expect(await sql(platform, "select name, outcome from attempts where session_id = $1 and kind = 'web_fetch'", [sessionId])).toEqual([
      { name: 'web_fetch', outcome: 'ok' },
    ]);
    await expectWholeLog(platform, sessionId);
  });

  it('leaves a line in the audit for each request, with its call', async () => {
    const { sessionId, log } = await run('to-inside');
    const call = log.find(({ type }) => type === 'agent.tool_use');
    const lines = await audit(sessionId, 2);
    expect(lines).toMatchObject([
      { asker: 'server', tool_use_ids: [call?.id], host: '127.0.0.1', path: '/to-inside', decision: 'allow', rule: 'server_tools own_domains', status: 302 },
      { asker: 'server', tool_use_ids: [call?.id], host: '127.0.0.1', port: insidePort, decision: 'deny', rule: 'address guard', status: null },
    ]);
  });

  it('reads other encodings, JSON and images', async () => {
    expect(textOf((await run('latin')).result)).toContain('Grüße');
    expect(textOf((await run('json')).result)).toContain('{"a":1}');
    expect((await run('image')).result.content[1]).toEqual({
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: PNG.toString('base64') },
    });
  });

  it.each([
    ['gone', 'HTTP status: 404'],
    ['binary', 'application/zip'],
    ['nonsense', 'needs a complete url'],
    ['inside', 'loopback'],
    ['metadata', 'metadata'],
    ['to-inside', 'loopback'],
  ])('answers with an error that says why (%s)', async (script, reason) => {
    const { result } = await run(script);
    expect(result.is_error).toBe(true);
    expect(textOf(result)).toContain(reason);
    expect(trespasses).toEqual([]);
  });

  it('keeps to the domains of the agent, after redirects too', async () => {
    const allowed = [{ name: 'web_fetch', allowed_domains: ['example.org'] }];
    expect(textOf((await run('page', allowed)).result)).toContain('domain rules');
    expect(asked).toEqual([]);
    const blocked = [{ name: 'web_fetch', blocked_domains: ['localhost'] }];
    expect(textOf((await run('to-localhost', blocked)).result)).toContain('domain rules');
    expect(asked).toEqual(['/to-localhost']);
  });

  it('cuts a text at the tokens the agent allows', async () => {
    const { result } = await run('long', [{ name: 'web_fetch', max_content_tokens: 100 }]);
    expect(textOf(result).length).toBeLessThan(700);
    expect(textOf(result)).toContain('the whole has 50000 characters');
  });

  it('reads only addresses that the sources of the agent have named', async () => {
    const sources = [{ name: 'web_fetch', url_sources: { user_input: 'all' } }];
    expect(textOf((await run('page', sources, { input: 'read something' })).result)).toContain('url_sources');
    expect(asked).toEqual([]);
    expect(textOf((await run('page', sources, { input: `read http://127.0.0.1:${sitePort}/page` })).result)).toContain('Grüße');
  });

  it('asks a person first where the agent says so', async () => {
    const configs = [{ name: 'web_fetch', permission_policy: { type: 'always_ask' } }];
    const { id } = await invoke(platform, { model: 'rehearsal/page', input: 'go', tools: [{ type: 'agent_toolset_20260401', configs }] });
    const { session_id: sessionId } = await waitForInvocation(platform, id, ['requires_action']);
    expect(asked).toEqual([]);
    const callId = (await readLog(platform, sessionId)).findLast(({ type }) => type === 'agent.tool_use')?.id ?? '';
    await platform.sdk.beta.sessions.events.send(sessionId, { events: [{ type: 'user.tool_confirmation', tool_use_id: callId, result: 'allow' }] });
    await waitForInvocation(platform, id);
    expect(asked).toEqual(['/page']);
  });
});

describe('web_search', () => {
  const HITS = [
    { url: 'https://docs.example.org/a', title: 'A', content: 'about a' },
    { url: 'https://other.test/b', title: 'B', content: 'about b' },
    { url: 'javascript:alert(1)', title: 'C' },
  ];

  it('answers with what the search endpoint found, and counts', async () => {
    hits = HITS;
    const { result, sessionId } = await run('search');
    expect(result.content).toEqual([
      { type: 'search_result', source: 'https://docs.example.org/a', title: 'A', content: [{ type: 'text', text: 'about a' }] },
      { type: 'search_result', source: 'https://other.test/b', title: 'B', content: [{ type: 'text', text: 'about b' }] },
    ]);
    expect(asked).toEqual(['/search?q=rondo&format=json']);
    expect(await sql(platform, 'select web_searches::int from sessions where id = $1', [sessionId])).toEqual([{ web_searches: 1 }]);
    await expectWholeLog(platform, sessionId);
  });

  it('shows results of the allowed domains only', async () => {
    hits = HITS;
    const { result } = await run('search', [{ name: 'web_search', allowed_domains: ['example.org'] }]);
    expect(result.content).toMatchObject([{ source: 'https://docs.example.org/a' }]);
    expect(asked).toEqual(['/search?q=rondo+site%3Aexample.org&format=json']);
  });

  it('names addresses that web_fetch may then read', async () => {
    const sources = [{ name: 'web_fetch', url_sources: { user_input: 'none', client_tool_results: 'none' } }];
    hits = [{ url: `http://127.0.0.1:${sitePort}/page`, title: 'P', content: 'p' }];
    expect(textOf((await run('search-then-read', sources)).result)).toContain('Grüße');
    hits = HITS;
    expect(textOf((await run('search-then-read', sources)).result)).toContain('url_sources');
  });

  it('is not offered where no endpoint is set up, and a call of it says so', async () => {
    const { result } = await run('search', [], { on: unsearched });
    expect(result.is_error).toBe(true);
    expect(textOf(result)).toContain('RONDO_SEARCH_URL');
    const offered = unsearched.rehearsal.requests().at(-1) as unknown as { body: { tools: { name: string }[] } };
    expect(offered.body.tools.map(({ name }) => name)).toEqual(['bash', 'read', 'write', 'edit', 'glob', 'grep', 'web_fetch']);
  });

  it('is in the audit with the name of its key, and without it', async () => {
    const lines = await audit((await run('search')).sessionId, 1);
    expect(lines).toMatchObject([{ path: expect.stringContaining('/search?q=rondo'), credential_ids: ['RONDO_SEARCH_KEY'], status: 200 }]);
    expect(JSON.stringify(lines)).not.toContain(KEY);
  });

  it('keeps its key out of log and trace', async () => {
    const rows = await sql<{ text: string }>(
      platform,
      "select coalesce(string_agg(to_jsonb(e)::text, ' '), '') || coalesce((select string_agg(to_jsonb(a)::text, ' ') from attempts a), '') as text from events e",
    );
    expect(rows[0]?.text).not.toContain(KEY);
  });
});
