import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMcpServer, type TestMcpServer, type TestTool } from '../support/mcp-server.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { invoke, readLog, waitForInvocation } from '../support/sessions.js';
import { connectTemporal, type TemporalView } from '../support/temporal.js';
import { waitFor } from '../support/wait-for.js';
import { logDocuments, sessionWorkflows, tableDocuments, temporalDocuments } from './places.js';
import { aSecret, type Document, findSecrets, placesOf } from './secret-forms.js';

const BEARER = aSecret('bearer');
const REFUSED = aSecret('refused');
const OAUTH = { access: aSecret('access'), refresh: aSecret('refresh'), client: aSecret('client') };
const VARIABLE = aSecret('variable');
const REPOSITORY = aSecret('repository');
const UPDATED = aSecret('updated');

const calls = (name: string) => ({ tool_calls: [{ name, input: {} }] });
const SCRIPTS = {
  quoted: { replies: [calls('mcp__tracker__answers'), calls('mcp__tracker__fails'), calls('mcp__tracker__breaks'), { text: 'done' }] },
  refused: { replies: [{ text: 'done without' }] },
};

/** Tools of a server that repeats what it was sent, in every way that it has to answer. */
const quoting = (name: string, run: (authorization: string) => ReturnType<TestTool['run']>): TestTool => ({
  tool: { name, description: `It ${name}.` },
  run: (_input, { request }) => run(request.headers.authorization ?? ''),
});
const textOf = (text: string, isError = false) => ({ content: [{ type: 'text' as const, text }], isError });
const TOOLS = [
  quoting('answers', (authorization) => textOf(`you are ${authorization}`)),
  quoting('fails', (authorization) => textOf(`refused: ${authorization}`, true)),
  quoting('breaks', (authorization) => {
    throw new Error(`cannot take ${authorization}, nor ${encodeURIComponent(authorization)}, nor ${Buffer.from(authorization).toString('base64')}`);
  }),
];

let platform: Platform;
let temporal: TemporalView;
let tracker: TestMcpServer;
let closed: TestMcpServer;
let secrets: Record<string, string>;
const sessions: string[] = [];
const seen: Document[] = [];

beforeAll(async () => {
  tracker = await startMcpServer(TOOLS);
  tracker.requireToken(BEARER);
  closed = await startMcpServer(TOOLS);
  closed.requireToken('another token');
  platform = await startPlatform({ scripts: SCRIPTS, environment: { RONDO_LOG_LEVEL: 'trace', RONDO_ALLOW_PRIVATE: '127.0.0.0/8' } });
  temporal = await connectTemporal(platform);
  secrets = {
    'bearer token': BEARER,
    'refused token': REFUSED,
    'access token': OAUTH.access,
    'refresh token': OAUTH.refresh,
    'client secret': OAUTH.client,
    "variable's value": VARIABLE,
    "repository's token": REPOSITORY,
    'replaced token': UPDATED,
    'encryption key': platform.environment['RONDO_ENCRYPTION_KEY'] ?? '',
  };
});
afterAll(async () => {
  await temporal?.close();
  await platform?.stop();
  await tracker?.close();
  await closed?.close();
});

async function request(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const response = await platform.request(method, path, body);
  const text = await response.text();
  seen.push({ place: `http ${method} ${path}`, text: `${JSON.stringify([...response.headers])} ${text}` });
  return JSON.parse(text) as Record<string, unknown>;
}

/** A turn with the vault and one MCP server, to its end. */
async function turn(model: string, url: string, vault: string, more: object = {}): Promise<string> {
  const mcp = { mcp_servers: [{ type: 'url', name: 'tracker', url }], vault_ids: [vault] };
  const tools = [{ type: 'mcp_toolset', mcp_server_name: 'tracker', default_config: { permission_policy: { type: 'always_allow' } } }];
  const { id, session_id } = await invoke(platform, { model: `rehearsal/${model}`, input: 'go', tools, ...mcp, ...more });
  sessions.push(session_id);
  expect(await waitForInvocation(platform, id), model).toMatchObject({ status: 'completed' });
  for (const path of ['', '/events?limit=1000', '/trace?limit=1000', '/resources']) await request('GET', `/v1/sessions/${session_id}${path}`);
  return session_id;
}

const everywhere = async (): Promise<Document[]> => [
  ...(await tableDocuments(platform)),
  ...(await temporalDocuments(temporal, sessionWorkflows(sessions))),
  ...logDocuments(platform),
  ...seen,
];

describe('secrets of a vault, and of a repository', () => {
  let documents: Document[];
  let vault: string;

  it('go to the servers that they are for, which repeat them in answers and errors', async () => {
    vault = String((await request('POST', '/v1/vaults', { display_name: 'Canary' }))['id']);
    const add = (auth: object) => request('POST', `/v1/vaults/${vault}/credentials`, { auth });
    const tracked = await add({ type: 'static_bearer', mcp_server_url: tracker.url, token: UPDATED });
    await request('POST', `/v1/vaults/${vault}/credentials/${String(tracked['id'])}`, { auth: { type: 'static_bearer', token: BEARER } });
    await add({ type: 'static_bearer', mcp_server_url: tracker.url, token: BEARER });
    await add({ type: 'static_bearer', mcp_server_url: closed.url, token: REFUSED });
    const refresh = {
      client_id: 'a-client',
      refresh_token: OAUTH.refresh,
      token_endpoint: 'https://auth.example.com/token',
      token_endpoint_auth: { type: 'client_secret_basic', client_secret: OAUTH.client },
    };
    const oauth = await add({ type: 'mcp_oauth', mcp_server_url: `${closed.url}/oauth`, access_token: OAUTH.access, refresh });
    expect(await request('POST', `/v1/vaults/${vault}/credentials/${String(oauth['id'])}/mcp_oauth_validate`)).toMatchObject({ status: 'invalid' });
    await add({ type: 'environment_variable', secret_name: 'API_TOKEN', secret_value: VARIABLE, networking: { type: 'unrestricted' } });
    await request('GET', `/v1/vaults/${vault}/credentials`);

    const quoted = await turn('quoted', tracker.url, vault);
    const results = (await readLog(platform, quoted)).filter(({ type }) => type === 'agent.mcp_tool_result').map(({ body }) => JSON.stringify(body.content));
    seen.push(...results.map((text) => ({ place: 'tool result', text })));
    expect(results).toHaveLength(3);
    for (const text of results) expect(text).toMatch(/\[(redacted|secret)\]/);
    expect(new Set(tracker.authorizations)).toEqual(new Set([`Bearer ${BEARER}`]));

    const resources = [{ type: 'github_repository', url: 'https://git.example.com/a/repo', authorization_token: REPOSITORY }];
    const refused = await turn('refused', closed.url, vault, { resources });
    expect(closed.authorizations).toContain(`Bearer ${REFUSED}`);
    const failure = (await readLog(platform, refused)).find(({ type }) => type === 'session.error');
    expect(failure?.body.error).toMatchObject({ type: 'mcp_authentication_failed_error', mcp_server_name: 'tracker' });

    const { id: agent } = await request('POST', '/v1/agents', { name: 'Cloner', model: 'rehearsal/refused' });
    const { id: environment_id } = await request('POST', '/v1/environments', { name: 'for the canary' });
    const session = await request('POST', '/v1/sessions', { agent, environment_id, resources });
    expect(session).toMatchObject({ resources: [{ type: 'github_repository' }] });
    await request('GET', `/v1/sessions/${String(session['id'])}/resources`);
    documents = await everywhere();
  }, 120_000);

  it('are nowhere else: not in a row, a log, a history, an event, a trace or an answer, in any form', () => {
    expect(documents.filter(({ place }) => place === 'table vault_credentials secret').length).toBeGreaterThanOrEqual(4);
    expect(documents.filter(({ place }) => place === 'table session_resources token')).toHaveLength(2);
    expect(placesOf(documents.map(({ place }) => `${place}:`))).toEqual(
      expect.arrayContaining(['http GET', 'http POST', 'log gateway', 'log worker', 'table attempts', 'table events', 'temporal history', 'tool result']),
    );
    expect(findSecrets(documents, secrets)).toEqual([]);
  });

  it('would be found: one is planted in the row beside them, in an event, a log and an answer', async () => {
    const before = seen.length;
    const planted = aSecret('planted');
    await request('POST', `/v1/vaults/${vault}/credentials`, {
      display_name: planted,
      auth: { type: 'static_bearer', mcp_server_url: 'https://x.example.com', token: 'x' },
    });
    const { session_id, id } = await invoke(platform, { model: 'rehearsal/refused', input: planted });
    await waitForInvocation(platform, id);
    await request('GET', `/v1/sessions/${session_id}/events`);
    await request('GET', `/v1/${encodeURIComponent(planted)}`);
    await waitFor("the gateway's line of it", () => placesOf(findSecrets(logDocuments(platform), { planted })).includes('log gateway'));
    const found = placesOf(findSecrets([...(await tableDocuments(platform)), ...logDocuments(platform), ...seen.slice(before)], { planted }));
    expect(found).toEqual(expect.arrayContaining(['http GET', 'http POST', 'log gateway', 'table events', 'table vault_credentials']));
  });
});
