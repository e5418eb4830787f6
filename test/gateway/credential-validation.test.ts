import { randomBytes } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { listenOnLoopback } from '../support/loopback-server.js';
import { startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ RONDO_ALLOW_PRIVATE: '127.0.0.0/8' });
});
afterAll(async () => {
  await gateway?.stop();
});

const vaults = () => gateway.sdk().beta.vaults;
const credentials = () => gateway.sdk().beta.vaults.credentials;
const secrets: string[] = [];
const aSecret = (name: string): string => {
  const secret = `${name}-${randomBytes(16).toString('hex')}`;
  secrets.push(secret);
  return secret;
};
const oauth = () => ({
  type: 'mcp_oauth' as const,
  access_token: aSecret('access'),
  refresh: {
    client_id: 'a-client',
    refresh_token: aSecret('refresh'),
    token_endpoint: 'https://auth.example.com/token',
    token_endpoint_auth: { type: 'client_secret_post' as const, client_secret: aSecret('client') },
  },
});

describe('an OAuth credential, tried on its server', () => {
  interface Seen {
    readonly method: string;
    readonly authorization: string | undefined;
    readonly session: string | undefined;
  }
  type Answer = (message: Seen, response: ServerResponse) => void;

  /** A server for one test, and a credential for it. */
  async function serve(answer: Answer, change: object = {}) {
    const seen: Seen[] = [];
    const server = createServer((incoming, response) => {
      void text(incoming).then((body) => {
        const method = body === '' ? (incoming.method ?? '') : (JSON.parse(body) as { method: string }).method;
        const message = { method, authorization: incoming.headers.authorization, session: incoming.headers['mcp-session-id']?.toString() };
        seen.push(message);
        answer(message, response);
      });
    });
    const port = await listenOnLoopback(server);
    onTestFinished(async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    });
    const vault_id = (await vaults().create({ display_name: 'A vault' })).id;
    const auth = { ...oauth(), mcp_server_url: `http://127.0.0.1:${port}/mcp`, ...change };
    const { id } = await credentials().create(vault_id, { auth });
    const validate = async () => {
      const validation = await credentials().mcpOAuthValidate(id, { vault_id });
      for (const secret of secrets) expect(JSON.stringify(validation)).not.toContain(secret);
      expect(validation).toMatchObject({ type: 'vault_credential_validation', credential_id: id, vault_id, validated_at: expect.stringMatching(/Z$/) });
      return validation;
    };
    return { validate, seen, token: auth.access_token, id, vault_id };
  }
  const result = { jsonrpc: '2.0', id: 1, result: { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 's', version: '1' } } };
  const json = (response: ServerResponse, status: number, body: unknown, headers = {}) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

  it('is valid when the server takes the token for its tools, also over a stream that stays open', async () => {
    const { validate, seen, token } = await serve(({ method }, response) => {
      if (method === 'initialize') json(response, 200, result, { 'mcp-session-id': 'a-session' });
      else if (method === 'tools/list') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`: hello\n\nevent: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: 2, result: { tools: [] } })}\n\n`);
      } else response.writeHead(202).end();
    });
    expect(await validate()).toMatchObject({ status: 'valid', has_refresh_token: true, mcp_probe: null, refresh: null });
    expect(seen.map(({ method, session }) => [method, session])).toEqual([
      ['initialize', undefined],
      ['notifications/initialized', 'a-session'],
      ['tools/list', 'a-session'],
      ['DELETE', 'a-session'],
    ]);
    expect(new Set(seen.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${token}`]));
  });

  it('is invalid when the server refuses the token; what the server says is shown without the token', async () => {
    const { validate, token } = await serve(({ authorization }, response) => json(response, 401, { error: `not good: ${authorization}` }), { refresh: null });
    const validation = await validate();
    expect(validation).toMatchObject({
      status: 'invalid',
      has_refresh_token: false,
      mcp_probe: { method: 'initialize', http_response: { status_code: 401, content_type: 'application/json', body_truncated: false } },
      refresh: { status: 'no_refresh_token', http_response: null },
    });
    expect(validation.mcp_probe?.http_response?.body).toBe('{"error":"not good: Bearer [redacted]"}');
    expect(JSON.stringify(validation)).not.toContain(token);
  });

  it('is invalid when the tools are refused; that the refresh token was not tried is said by null', async () => {
    const { validate } = await serve(({ method }, response) => {
      if (method === 'tools/list') json(response, 403, { error: 'x'.repeat(5_000) });
      else json(response, 200, result);
    });
    const validation = await validate();
    expect(validation).toMatchObject({
      status: 'invalid',
      has_refresh_token: true,
      mcp_probe: { method: 'tools/list', http_response: { status_code: 403, body_truncated: true } },
      refresh: null,
    });
    expect(validation.mcp_probe?.http_response?.body.length).toBeLessThan(3_000);
  });

  it.each<[string, Answer, object | null]>([
    ['fails', (_message, response) => json(response, 503, { error: 'later' }), { status_code: 503 }],
    ['is no MCP server', (_message, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Hello</p>'), { status_code: 200 }],
    ['answers with an error of the protocol', (_message, response) => json(response, 200, { jsonrpc: '2.0', id: 1, error: { code: -1, message: 'no' } }), {}],
    ['sends the token elsewhere', (_message, response) => response.writeHead(307, { location: 'http://192.0.2.1/' }).end(), { status_code: 307 }],
    ['hangs up', (_message, response) => void response.destroy(), null],
  ])('is unknown when the server %s', async (_case, answer, http_response) => {
    const { validate, seen } = await serve(answer);
    expect(await validate()).toMatchObject({ status: 'unknown', mcp_probe: { method: 'initialize', http_response }, refresh: null });
    expect(seen).toHaveLength(1);
  });

  it('is unknown, and nothing is sent, when the address is one that Rondo does not connect to', async () => {
    const { validate, seen } = await serve((_message, response) => json(response, 200, result), { mcp_server_url: 'http://169.254.169.254/latest' });
    expect(await validate()).toMatchObject({ status: 'unknown', mcp_probe: { method: 'initialize', http_response: null } });
    expect(seen).toEqual([]);
  });

  it('is invalid once archived: there is no token to try', async () => {
    const { validate, seen, id, vault_id } = await serve((_message, response) => json(response, 200, result));
    await credentials().archive(id, { vault_id });
    expect(await validate()).toMatchObject({ status: 'invalid', has_refresh_token: false, mcp_probe: null, refresh: null });
    expect(seen).toEqual([]);
  });

  it('cannot be of another type', async () => {
    const vault_id = (await vaults().create({ display_name: 'A vault' })).id;
    const auth = { type: 'static_bearer', mcp_server_url: 'https://mcp.example.com', token: 'a-token' } as const;
    const { id } = await credentials().create(vault_id, { auth });
    const { status, body } = await gateway.request('POST', `/v1/vaults/${vault_id}/credentials/${id}/mcp_oauth_validate`);
    expect({ status, message: body.error.message }).toEqual({ status: 400, message: expect.stringContaining('only mcp_oauth credentials can be validated') });
  });
});
