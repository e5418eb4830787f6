import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { testServices } from '../support/services.js';
import { type Invocation, invoke, readLog, resultTexts, sql, waitForInvocation } from '../support/sessions.js';
import { connectTemporal, type TemporalView } from '../support/temporal.js';
import { waitFor } from '../support/wait-for.js';
import { descriptionDocuments, logDocuments, queryDocuments, sessionWorkflows, tableDocuments, temporalDocuments } from './places.js';
import { PLANTED_PLACES, plantWorkflow } from './planted-workflow.js';
import { DUMP, DUMP_COMMAND } from './sandbox-dump.js';
import { aSecret, type Document, findSecrets, placesOf, type Secrets } from './secret-forms.js';

const ANTHROPIC_KEY = aSecret('sk-ant');
const OPENAI_KEY = aSecret('sk-oai');
const OWNER_PASSWORD = aSecret('owner');
/** What users and models say: at home in Postgres, never in Temporal. */
const CONTENT = { prompt: aSecret('prompt'), system: aSecret('system'), argument: aSecret('argument'), answer: aSecret('answer'), reason: aSecret('reason') };
const ASK = [{ type: 'agent_toolset_20260401', default_config: { permission_policy: { type: 'always_ask' } } }];

const bash = (command: string) => ({ name: 'bash', input: { command } });
const ANSWER = { text: `done ${CONTENT.answer}` };
const echoing = (status: number, type: string, more: object = {}) => ({ error: { status, type, message: 'The key is wrong:', echo_key: true, ...more } });
/** So much text before the key that a message which is cut at 500 characters ends within it. */
const PADDING = 'x'.repeat(375);

const SCRIPTS = {
  'claude-succeeds': { replies: [{ tool_calls: [bash(`: '${CONTENT.argument}'\n${DUMP_COMMAND}`)] }, ANSWER] },
  'claude-unauthorized': { replies: [echoing(401, 'authentication_error')] },
  'claude-retried': { replies: [{ ...ANSWER, ...echoing(500, 'api_error', { times: 2 }) }] },
  'claude-breaks': { replies: [{ ...ANSWER, ...echoing(529, 'overloaded_error', { times: 1, after_chunks: 1 }) }] },
  'claude-cut': { replies: [echoing(401, 'authentication_error', { message: PADDING })] },
  'claude-busy': { replies: [{ tool_calls: [bash(`echo '${CONTENT.argument}' > busy; sleep 300`)] }, ANSWER] },
  'oai-unauthorized': { replies: [echoing(401, 'invalid_api_key')] },
  'oai-retried': { replies: [{ ...ANSWER, ...echoing(500, 'server_error', { times: 1 }) }] },
};

let platform: Platform;
let temporal: TemporalView;
let server: pg.Client;
let secrets: Secrets;
const sessions: string[] = [];
/** What was seen while it was there to be seen: descriptions and answers of running workflows, HTTP answers. */
const seen: Document[] = [];

beforeAll(async () => {
  const { ownerUrl } = testServices();
  server = new pg.Client({ connectionString: ownerUrl });
  await server.connect();
  await server.query(`create role canary_owner superuser login password ${server.escapeLiteral(OWNER_PASSWORD)}`);
  const serverUrl = Object.assign(new URL(ownerUrl), { username: 'canary_owner', password: encodeURIComponent(OWNER_PASSWORD) }).href;
  platform = await startPlatform({ scripts: SCRIPTS, serverUrl, workers: 0, environment: { RONDO_LOG_LEVEL: 'debug' } });
  const keys = {
    ANTHROPIC_API_KEY: ANTHROPIC_KEY,
    ANTHROPIC_BASE_URL: platform.rehearsal.url,
    OPENAI_API_KEY: OPENAI_KEY,
    OPENAI_BASE_URL: `${platform.rehearsal.url}/v1`,
    DATABASE_URL: serverUrl,
  };
  await platform.gateway().kill();
  await platform.startGateway(keys);
  await platform.startWorker(keys);
  temporal = await connectTemporal(platform);
  secrets = {
    'Anthropic key': ANTHROPIC_KEY,
    'OpenAI key': OPENAI_KEY,
    "Rondo's key": platform.key,
    "owner's password": OWNER_PASSWORD,
    'encryption key': platform.environment['RONDO_ENCRYPTION_KEY'] ?? '',
    "application's password": new URL(platform.database.appUrl).password,
  };
});
afterAll(async () => {
  await temporal?.close();
  await platform?.stop();
  await server.query('drop role canary_owner');
  await server.end();
});

async function start(model: string, more: Record<string, unknown> = {}): Promise<Invocation> {
  const invocation = await invoke(platform, { model, input: `please ${CONTENT.prompt}`, system: CONTENT.system, ...more });
  sessions.push(invocation.session_id);
  return invocation;
}

async function finish(model: string, status: string, more: Record<string, unknown> = {}): Promise<string> {
  const { id, session_id } = await start(model, more);
  expect(await waitForInvocation(platform, id), model).toMatchObject({ status });
  return session_id;
}

/** A session whose command runs; what Temporal says of it now is kept. */
async function busy(): Promise<Invocation> {
  const invocation = await start('claude-busy');
  const { session_id } = invocation;
  await waitFor(
    'the command to run',
    async () => (await sql(platform, 'select 1 from effects where session_id = $1 and generation is not null', [session_id])).length > 0,
  );
  const [workflow = ''] = sessionWorkflows([session_id]);
  seen.push(...(await descriptionDocuments(temporal, workflow)), ...(await queryDocuments(temporal, workflow)));
  return invocation;
}

async function request(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<number> {
  const response = await platform.request(method, path, body, headers);
  seen.push({ place: `http ${method} ${path}`, text: `${JSON.stringify([...response.headers])} ${await response.text()}` });
  return response.status;
}

async function readEverything(sessionId: string): Promise<void> {
  for (const path of ['', '/events?limit=1000', '/trace?limit=1000']) expect(await request('GET', `/v1/sessions/${sessionId}${path}`), path).toBe(200);
}

const everywhere = async (): Promise<Document[]> => [
  ...(await tableDocuments(platform)),
  ...(await temporalDocuments(temporal, sessionWorkflows(sessions))),
  ...logDocuments(platform),
  ...seen,
];

const isTemporal = ({ place }: Document): boolean => place.startsWith('temporal ');

describe('after turns that succeed, fail, are tried again, interrupted, denied and killed', () => {
  let documents: Document[];

  it('which take their course', async () => {
    const succeeded = await finish('claude-succeeds', 'completed');
    const dump = readFileSync(join(platform.home, 'workspaces', succeeded, DUMP), 'latin1');
    for (const sight of ['HOME=/home/agent', 'supervisor.mjs', '/workspace', '127.0.0.1']) expect(dump).toContain(sight);
    expect(dump).toMatch(/memory of \/proc\/\d+\/maps: [1-9]/);
    seen.push({ place: 'sandbox dump', text: dump }, ...resultTexts(await readLog(platform, succeeded)).map((text) => ({ place: 'tool result', text })));

    await finish('claude-unauthorized', 'failed');
    await finish('claude-retried', 'completed');
    await finish('claude-breaks', 'completed');
    await finish('claude-cut', 'failed');
    await finish('openai/oai-unauthorized', 'failed');
    await finish('openai/oai-retried', 'completed');

    const interrupted = await busy();
    await request('POST', `/v1/sessions/${interrupted.session_id}/events`, { events: [{ type: 'user.interrupt' }] });
    expect(await waitForInvocation(platform, interrupted.id)).toMatchObject({ status: 'interrupted' });
    const killed = await busy();
    await request('POST', `/v1/sessions/${killed.session_id}/kill`);
    expect(await waitForInvocation(platform, killed.id)).toMatchObject({ status: 'killed' });

    const denied = await start('claude-succeeds', { tools: ASK });
    await waitForInvocation(platform, denied.id, ['requires_action']);
    const callId = (await readLog(platform, denied.session_id)).at(-1)?.body.stop_reason.event_ids[0];
    const confirmation = { type: 'user.tool_confirmation', tool_use_id: callId, result: 'deny', deny_message: CONTENT.reason };
    await request('POST', `/v1/sessions/${denied.session_id}/events`, { events: [confirmation] });
    expect(await waitForInvocation(platform, denied.id)).toMatchObject({ status: 'completed' });

    for (const sessionId of sessions) await readEverything(sessionId);
    for (const path of ['/healthz', '/readyz', '/docs-json', '/v1/agents', '/v1/environments', '/v1/sessions', '/v1/nothing']) await request('GET', path);
    expect(await request('GET', '/v1/sessions', undefined, { authorization: `Bearer ${platform.key}x` })).toBe(401);
    expect(await request('POST', '/v1/invoke', { model: 7, input: 'x' })).toBe(400);
    documents = await everywhere();
  }, 180_000);

  it('the providers did get their keys, and did send them back', () => {
    const headers = JSON.stringify(platform.rehearsal.requests().map((received) => received.headers));
    expect(findSecrets([{ place: 'provider', text: headers }], secrets)).toEqual(
      expect.arrayContaining([expect.stringContaining('Anthropic key'), expect.stringContaining('OpenAI key')]),
    );
    const errors = documents.filter(({ text }) => text.includes('[redacted]')).map(({ place }) => place);
    expect(errors).toEqual(expect.arrayContaining(['table attempts error_message', 'table events body', 'log worker']));
  });

  it('no configured secret is anywhere, in any form', () => {
    expect(documents.length).toBeGreaterThan(2_000);
    expect(placesOf(documents.map(({ place }) => `${place}:`))).toEqual(
      expect.arrayContaining([
        'http GET',
        'http POST',
        'log gateway',
        'log worker',
        'sandbox dump',
        'table events',
        'temporal description',
        'temporal history',
        'temporal list',
        'temporal query',
        'tool result',
      ]),
    );
    expect(findSecrets(documents, secrets)).toEqual([]);
  });

  it('what was said is in Postgres, and nowhere in Temporal', () => {
    const found = findSecrets(documents, CONTENT);
    for (const name of Object.keys(CONTENT))
      expect(
        found.filter((finding) => finding.startsWith('table ') && finding.includes(`: ${name}, plain`)),
        name,
      ).not.toEqual([]);
    expect(findSecrets(documents.filter(isTemporal), CONTENT)).toEqual([]);
  });
});

describe('the search', () => {
  const planted = aSecret('planted');

  it('finds a text that was planted in a message, a call, its result, a provider error, an address and a signal: in every kind of place', async () => {
    platform.rehearsal.putScript('claude-planted', {
      replies: [
        { error: { status: 500, message: planted, times: 1 }, tool_calls: [bash(`echo '${planted}'`), { name: planted, input: {} }] },
        { text: planted },
      ],
    });
    const before = seen.length;
    const { id, session_id } = await start('claude-planted', { input: planted, tools: ASK });
    await waitForInvocation(platform, id, ['requires_action']);
    const [workflow = ''] = sessionWorkflows([session_id]);
    const callId = (await readLog(platform, session_id)).at(-1)?.body.stop_reason.event_ids[0];
    await temporal.workflowOf(session_id).signal('approve', { tool_use_id: callId, result: 'allow', by: planted });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed' });
    await readEverything(session_id);
    await request('GET', `/v1/${encodeURIComponent(planted)}`);
    seen.push(...(await queryDocuments(temporal, workflow)));
    const documents = [
      ...(await tableDocuments(platform)),
      ...(await temporalDocuments(temporal, [workflow])),
      ...logDocuments(platform),
      ...seen.slice(before),
      ...resultTexts(await readLog(platform, session_id)).map((text) => ({ place: 'tool result', text })),
    ];
    expect(placesOf(findSecrets(documents, { planted }))).toEqual(
      expect.arrayContaining([
        'http GET',
        'log gateway',
        'log worker',
        'table attempts',
        'table events',
        'table invocations',
        'table tool_calls',
        'temporal history',
        'tool result',
      ]),
    );
  });

  it.each(PLANTED_PLACES)('finds a text that was planted in a workflow: %s', async (place) => {
    const found = findSecrets(await plantedDocuments(), { planted: plantedIn(place) });
    expect(found.filter((finding) => /, (plain|JSON-escaped)$/.test(finding))).not.toEqual([]);
  });

  const marks = new Map<string, string>();
  const plantedIn = (place: string): string => marks.get(place) ?? (marks.set(place, aSecret(place)).get(place) as string);
  let plantedOnce: Promise<Document[]> | undefined;
  const plantedDocuments = (): Promise<Document[]> => {
    plantedOnce ??= (async () => {
      const workflowId = `planted-${randomBytes(6).toString('hex')}`;
      const running = await plantWorkflow(temporal, workflowId, plantedIn);
      return [...running, ...(await temporalDocuments(temporal, [workflowId]))];
    })();
    return plantedOnce;
  };

  it('finds a key that a user sends in a message: in the log of the session, not in Temporal', async () => {
    const sessionId = await finish('claude-retried', 'completed', { input: `my key is ${ANTHROPIC_KEY}` });
    const found = findSecrets(await everywhere(), secrets);
    expect(placesOf(found)).toContain('table events');
    expect(found.filter((finding) => finding.startsWith('temporal '))).toEqual([]);
    expect(await temporalDocuments(temporal, sessionWorkflows([sessionId]))).not.toEqual([]);
  });
});
