import http from 'node:http';
import { connect } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureApiKey } from '../../infra/postgres/api-keys.repo.js';
import { KEY, MODEL, OTHER_KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.stop();
});

const UNKNOWN_SESSION = 'sesn_01KAN0000000000000000000AA';

const envelope = (type: string, message: unknown = expect.any(String)) => ({
  type: 'error',
  error: expect.objectContaining({ type, message }),
  request_id: expect.stringMatching(/^req_/),
});

describe('keys', () => {
  it('are taken as bearer token and as x-api-key', async () => {
    expect((await gateway.request('GET', '/v1/agents')).status).toBe(200);
    expect((await gateway.request('GET', '/v1/agents', undefined, { authorization: '', 'x-api-key': KEY })).status).toBe(200);
  });

  it.each([
    ['no key', { authorization: '' }],
    ['an unknown key', { authorization: 'Bearer nothing-we-know' }],
    ['an unknown x-api-key', { authorization: '', 'x-api-key': 'nothing-we-know' }],
    ['another scheme', { authorization: 'Basic dXNlcjpwYXNz' }],
  ])('answers 401 to %s, in the envelope', async (_case, headers) => {
    const { status, body } = await gateway.request('GET', '/v1/agents', undefined, headers);
    expect(status).toBe(401);
    expect(body).toEqual(envelope('authentication_error'));
  });

  it('are asked for before the body is read', async () => {
    const { status } = await gateway.request('POST', '/v1/agents', '{ not json', { authorization: 'Bearer nothing-we-know' });
    expect(status).toBe(401);
  });

  it('work for the workspace they belong to only, where a request names one', async () => {
    const list = (workspace: string) => gateway.request('GET', '/v1/agents', undefined, { 'anthropic-workspace-id': workspace });
    expect((await list(gateway.workspaceId)).status).toBe(200);
    const { status, body } = await list(gateway.otherWorkspaceId);
    expect(status).toBe(403);
    expect(body).toEqual(envelope('permission_error', expect.stringContaining('anthropic-workspace-id')));
  });

  it('stop working within seconds after they were revoked', async () => {
    const key = 'rondo-test-key-to-revoke';
    await ensureApiKey(gateway.ownerUrl, { key, workspaceName: 'revoked' });
    const owner = new pg.Client({ connectionString: gateway.ownerUrl });
    await owner.connect();
    await owner.query(`update api_keys set revoked_at = now() where key_hash = sha256($1::bytea)`, [Buffer.from(key)]);
    await owner.end();
    expect((await gateway.request('GET', '/v1/agents', undefined, { authorization: `Bearer ${key}` })).status).toBe(401);
  });

  it('are not needed for health and documentation', async () => {
    for (const path of ['/healthz', '/docs', '/docs-json']) {
      const response = await fetch(`${gateway.url}${path}`);
      expect(response.status, path).toBe(200);
    }
  });
});

describe('every answer', () => {
  it.each(['/healthz', '/v1/agents', '/nothing', '/v1/nothing'])('of %s carries a request-id', async (path) => {
    expect((await gateway.request('GET', path)).headers.get('request-id')).toMatch(/^req_[0-9A-Z]{26}$/);
  });

  it('names the request-id of the header in an error', async () => {
    const { headers, body } = await gateway.request('GET', '/v1/nothing');
    expect(body.request_id).toBe(headers.get('request-id'));
  });

  it('gives no leave to other origins', async () => {
    const { headers } = await gateway.request('GET', '/v1/agents', undefined, { origin: 'https://example.org' });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('what cannot be answered', () => {
  it.each([
    ['GET', '/nothing'],
    ['GET', '/v1/nothing'],
    ['PATCH', '/v1/agents'],
    ['GET', `/v1/sessions/${UNKNOWN_SESSION}`],
    ['GET', '/v1/sessions/nonsense'],
    ['GET', '/v1/sessions/%00'],
    ['GET', '/v1/sessions/sesn_%F0%9F%98%80aaaaaaaa'],
    ['GET', '/v1/agents/agent_01KAN0000000000000000000AA'],
    ['GET', '/v1/environments/env_01KAN0000000000000000000AA'],
    ['GET', '/v1/invocations/inv_01KAN0000000000000000000AA'],
    ['GET', `/v1/sessions/${UNKNOWN_SESSION}/events`],
    ['GET', `/v1/sessions/${UNKNOWN_SESSION}/events/stream`],
    ['GET', `/v1/sessions/${UNKNOWN_SESSION}/trace`],
    ['POST', `/v1/sessions/${UNKNOWN_SESSION}/archive`],
    ['POST', `/v1/sessions/${UNKNOWN_SESSION}/kill`],
    ['DELETE', `/v1/sessions/${UNKNOWN_SESSION}`],
  ])('%s %s is 404, in the envelope', async (method, path) => {
    const { status, body } = await gateway.request(method, path);
    expect(status).toBe(404);
    expect(body).toEqual(envelope('not_found_error'));
  });

  it('shows nothing of another workspace', async () => {
    const { body } = await gateway.request('POST', '/v1/invoke', { model: MODEL, input: 'mine', mode: 'background' });
    const foreign = { authorization: `Bearer ${OTHER_KEY}` };
    const session = `/v1/sessions/${body.session_id}`;
    for (const path of [session, `${session}/events`, `${session}/events/stream`, `${session}/trace`, `/v1/invocations/${body.id}`]) {
      expect((await gateway.request('GET', path, undefined, foreign)).status, path).toBe(404);
    }
    expect((await gateway.request('POST', `${session}/kill`, undefined, foreign)).status).toBe(404);
    expect((await gateway.request('POST', '/v1/invoke', { session_id: body.session_id, input: 'yours' }, foreign)).status).toBe(404);
    expect((await gateway.request('POST', `${session}/events`, { events: [{ type: 'user.interrupt' }] }, foreign)).status).toBe(404);
    expect((await gateway.request('GET', '/v1/sessions', undefined, foreign)).body.data).toEqual([]);
    expect((await gateway.request('GET', session)).body.status).toBe('running');
  });

  it("is 400 for broken JSON, without the parser's words", async () => {
    const { status, body } = await gateway.request('POST', '/v1/agents', '{ "name": ');
    expect(status).toBe(400);
    expect(body).toEqual(envelope('invalid_request_error', expect.not.stringMatching(/Unexpected|position|JSON\.parse|at /)));
  });

  it.each(['"text"', '[]', 'null', '1'])('is 400 for the body %s', async (text) => {
    const { status, body } = await gateway.request('POST', '/v1/agents', text);
    expect(status).toBe(400);
    expect(body).toEqual(envelope('invalid_request_error'));
  });

  it('is 400 for a body that is missing', async () => {
    const { status, body } = await gateway.request('POST', '/v1/agents');
    expect(status).toBe(400);
    expect(body).toEqual(envelope('invalid_request_error', 'The body is missing; send a JSON object.'));
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])('is 415 for a body of type %s', async (type) => {
    const { status, body } = await gateway.request('POST', '/v1/agents', 'a=b', { 'content-type': type });
    expect(status).toBe(415);
    expect(body).toEqual(envelope('invalid_request_error', expect.stringContaining('application/json')));
  });

  it('is 413 for a body over the limit', async () => {
    const { status, body } = await gateway.request('POST', '/v1/invoke', { model: MODEL, input: 'x'.repeat(1_000_001) });
    expect(status).toBe(413);
    expect(body).toEqual(envelope('request_too_large'));
  });

  it('is 400 for JSON that is nested without end', async () => {
    const { status, body } = await gateway.request('POST', '/v1/agents', `${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    expect(status).toBe(400);
    expect(body).toEqual(envelope('invalid_request_error'));
    const inside = await gateway.request(
      'POST',
      '/v1/agents',
      `{"name":"deep","model":"${MODEL}","tools":[{"type":"custom","name":"x","description":"x","input_schema":{"type":"object","x":${'['.repeat(50_000)}${']'.repeat(50_000)}}}]}`,
    );
    expect(inside.status).toBe(400);
    expect(inside.body).toEqual(envelope('invalid_request_error', expect.stringContaining('nested')));
  });

  it('is a clear 4xx for an address that cannot be decoded', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      http
        .get(`${gateway.url}/v1/sessions/%E0%A4%A`, { headers: { authorization: `Bearer ${KEY}` } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
        .on('error', reject);
    });
    expect(status).toBe(400);
  });

  it('is 431 in the same envelope for an address longer than Node reads, and 400 for what is not HTTP', async () => {
    const { status, body, headers } = await gateway.request('GET', `/v1/sessions?page=${'x'.repeat(20_000)}`);
    expect(status).toBe(431);
    expect(body).toEqual(envelope('invalid_request_error', expect.stringContaining('16 KB')));
    expect(headers.get('request-id')).toBe(body.request_id);
    const { port } = new URL(gateway.url);
    const socket = connect(Number(port), '127.0.0.1', () => socket.write('what is this?\r\n\r\n'));
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*"type":"error"/s);
  });
});

describe('a validation error', () => {
  const post = (body: unknown) => gateway.request('POST', '/v1/invoke', body);

  it.each([
    ['a missing model', { input: 'x' }, /^model: is required/],
    ['a missing input', { model: MODEL }, /^input: is required; accepted: string, array$/],
    ['an unknown field', { model: MODEL, input: 'x', sytem: 'typo' }, /sytem: is not a known field; known here: .*\bsystem\b/],
    ['a wrong mode', { model: MODEL, input: 'x', mode: 'later' }, /^mode: .*"wait".*"stream".*"background"/],
    ['a wrong tool', { model: MODEL, input: 'x', tools: [{ type: 'magic' }] }, /^tools\[0\]\.type: .*agent_toolset_20260401/],
    [
      'a wrong tool name',
      { model: MODEL, input: 'x', tools: [{ type: 'custom', name: 'a b', description: 'd', input_schema: { type: 'object' } }] },
      /^tools\[0\]\.name: must be 1 to 128/,
    ],
    [
      'the name of a built-in tool',
      { model: MODEL, input: 'x', tools: [{ type: 'custom', name: 'bash', description: 'd', input_schema: { type: 'object' } }] },
      /built-in/,
    ],
    ['a wrong block', { model: MODEL, input: [{ type: 'text', text: 3 }] }, /^input\[0\]\.text: /],
    ['an unknown block', { model: MODEL, input: [{ type: 'sound' }] }, /^input\[0\]\.type: .*text.*image.*document/],
    ['a limit of zero', { model: MODEL, input: 'x', limits: { max_steps: 0 } }, /^limits\.max_steps: .*1/],
    ['a session with a model', { model: MODEL, input: 'x', session_id: UNKNOWN_SESSION }, /^session_id: /],
  ])('names the field and what is accepted: %s', async (_case, body, message) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual(envelope('invalid_request_error', expect.stringMatching(message)));
  });

  it('refuses unknown models at the door, and says what is accepted', async () => {
    const answer = await post({ model: 'gpt-6', input: 'x' });
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toContain('rehearsal/<script>');
  });

  it('names the variable to set for a provider that is not configured', async () => {
    const answer = await post({ model: 'claude-sonnet-5', input: 'x' });
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toContain('ANTHROPIC_API_KEY');
  });

  it.each([
    ['/v1/sessions?limit=0', 'limit'],
    ['/v1/sessions?limit=many', 'limit'],
    ['/v1/sessions?limit=101', 'limit'],
    ['/v1/sessions?order=up', 'order'],
    ['/v1/sessions?statuses[]=asleep', 'statuses'],
    ['/v1/sessions?created_at[gte]=yesterday', 'created_at'],
    ['/v1/sessions?created_at[near]=2026-01-01T00:00:00Z', 'created_at'],
    ['/v1/sessions?page=nonsense', 'page'],
    ['/v1/sessions?page=bnVsbA', 'page'],
    ['/v1/agents?include_archived=maybe', 'include_archived'],
  ])('names the query field: %s', async (path, field) => {
    const { status, body } = await gateway.request('GET', path);
    expect(status, JSON.stringify(body)).toBe(400);
    expect(body).toEqual(envelope('invalid_request_error', expect.stringContaining(field)));
  });
});

describe('text that Postgres cannot hold', () => {
  it('is accepted: NUL and unpaired surrogates become U+FFFD', async () => {
    const odd = 'a\u0000b\ud800c';
    const created = await gateway.request('POST', '/v1/agents', { name: odd, model: MODEL, system: odd, description: odd, metadata: { [odd]: odd } });
    expect(created.status, JSON.stringify(created.body)).toBe(200);
    expect(created.body).toMatchObject({ name: 'a\ufffdb\ufffdc', system: 'a\ufffdb\ufffdc', metadata: { 'a\ufffdb\ufffdc': 'a\ufffdb\ufffdc' } });
    const environment = await gateway.request('POST', '/v1/environments', { name: odd, description: odd, metadata: { [odd]: odd } });
    expect(environment.status).toBe(200);
    const session = await gateway.request('POST', '/v1/sessions', {
      agent: created.body.id,
      environment_id: environment.body.id,
      title: odd,
      metadata: { [odd]: odd },
      initial_events: [{ type: 'user.message', content: [{ type: 'text', text: odd }] }],
    });
    expect(session.status).toBe(200);
    const invoked = await gateway.request('POST', '/v1/invoke', { model: MODEL, system: odd, input: odd, metadata: { [odd]: odd }, mode: 'background' });
    expect(invoked.status).toBe(202);
    expect((await gateway.request('GET', `/v1/sessions?agent_id=${encodeURIComponent('a\u0000')}`)).status).toBeLessThan(500);
    expect((await gateway.request('GET', `/v1/sessions/${session.body.id}/events?types[]=${encodeURIComponent('a\u0000')}`)).status).toBeLessThan(500);
  });
});

describe('/docs-json', () => {
  it('refers to nothing that is not in it', async () => {
    const { body } = await gateway.request('GET', '/docs-json');
    const references = [...JSON.stringify(body).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name);
    expect(references.length).toBeGreaterThan(10);
    expect([...new Set(references)].filter((name) => !(String(name) in body.components.schemas))).toEqual([]);
    expect(JSON.stringify(body)).not.toContain('#/$defs/');
  });

  it('is OpenAPI 3.1 with every route, its body, its answers and the key', async () => {
    const { body } = await gateway.request('GET', '/docs-json');
    expect(body.openapi).toBe('3.1.0');
    for (const path of [
      '/v1/invoke',
      '/v1/invocations/{invocation_id}',
      '/v1/agents',
      '/v1/environments',
      '/v1/sessions',
      '/v1/sessions/{session_id}/events',
      '/v1/sessions/{session_id}/events/stream',
      '/v1/sessions/{session_id}/kill',
      '/v1/sessions/{session_id}/trace',
      '/healthz',
      '/readyz',
    ]) {
      expect(Object.keys(body.paths)).toContain(path);
    }
    const invoke = body.paths['/v1/invoke'].post;
    expect(Object.keys(invoke.requestBody.content['application/json'].schema.properties)).toEqual(
      expect.arrayContaining(['model', 'system', 'tools', 'input', 'mode']),
    );
    expect(Object.keys(invoke.requestBody.content['application/json'].examples)).toContain('task');
    expect(invoke.responses['200'].content['application/json'].schema).toEqual({ $ref: '#/components/schemas/Invocation' });
    expect(body.components.schemas.Invocation.properties.status.enum).toContain('requires_action');
    expect(body.paths['/v1/sessions'].get.parameters.map((parameter: { name: string }) => parameter.name)).toEqual(
      expect.arrayContaining(['limit', 'page', 'order']),
    );
  });
});
