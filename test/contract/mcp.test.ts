import { createServer, type Server } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createMcpClient } from '../../activities/mcp/mcp.adapter.js';
import { toResultBlocks } from '../../activities/mcp/result-blocks.js';
import { toToolList, withinLimits } from '../../activities/mcp/tool-list.js';
import { createAddressGuard } from '../../activities/web/address-guard.js';
import { createGuardedFetch } from '../../activities/web/guarded-fetch.js';
import { formsOfSecret } from '../../infra/telemetry/secret-forms.js';
import { listenOnLoopback } from '../support/loopback-server.js';
import { startMcpServer, type TestMcpServer, textTool } from '../support/mcp-server.js';
import { waitFor } from '../support/wait-for.js';

const TOKEN = 'tok-3f9c-very-secret';
const ODD_TOKEN = 'tok/3f9c+very=secret';
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').toString('base64');

let server: TestMcpServer;
let plain: TestMcpServer;
const others: Server[] = [];

beforeAll(async () => {
  server = await startMcpServer();
  plain = await startMcpServer([], { json: true });
});
afterEach(() => {
  for (const one of [server, plain]) {
    one.requireToken(undefined);
    one.pageSize(Number.POSITIVE_INFINITY);
    one.asked.length = 0;
    one.authorizations.length = 0;
  }
});
afterAll(async () => {
  for (const other of others) {
    other.closeAllConnections();
    other.close();
  }
  await server.close();
  await plain.close();
});

const aClient = (allowPrivate: string[] = ['127.0.0.0/8'], maxBytes = 32 * 1024 * 1024) =>
  createMcpClient({
    guardedFetch: createGuardedFetch({ guard: createAddressGuard({ allowPrivate }), maxBytes, idleTimeoutMs: 60_000 }),
    redact: (text) => text,
    formsOfSecret,
  });
const within = (timeoutMs = 20_000, signal = new AbortController().signal) => ({ signal, timeoutMs });
const at = (one: { url: string }, bearer?: string) => ({ url: one.url, bearer });

/** A server that is no MCP server. */
async function anyServer(answer: Parameters<typeof createServer>[1]): Promise<{ url: string }> {
  const http = createServer(answer);
  others.push(http);
  return { url: `http://127.0.0.1:${await listenOnLoopback(http)}/mcp` };
}

describe('listing the tools of an MCP server', () => {
  it('reads every page', async () => {
    server.offer(Array.from({ length: 25 }, (_, index) => textTool(`tool_${index}`, () => '')));
    server.pageSize(10);
    const listing = await aClient().listTools(at(server), within());
    expect(listing.kind === 'listed' && toToolList(listing.tools).map(({ name }) => name)).toEqual(Array.from({ length: 25 }, (_, index) => `tool_${index}`));
    expect(server.asked.filter((method) => method === 'tools/list')).toHaveLength(3);
  });

  it('ends with a server whose list has no end', async () => {
    server.offer(Array.from({ length: 2_000 }, (_, index) => textTool(`tool_${index}`, () => '')));
    server.pageSize(1);
    expect(await aClient().listTools(at(server), within())).toMatchObject({ kind: 'listed', tools: { length: 50 } });
  });

  it('sends the token, and tells a refused one from a server that is away', async () => {
    server.requireToken(TOKEN);
    expect(await aClient().listTools(at(server, TOKEN), within())).toMatchObject({ kind: 'listed' });
    expect(new Set(server.authorizations)).toEqual(new Set([`Bearer ${TOKEN}`]));
    const refused = await aClient().listTools(at(server, 'wrong-token'), within());
    expect(refused).toMatchObject({ kind: 'failed', cause: 'authentication', message: expect.stringContaining('401') });
    expect(JSON.stringify(refused)).not.toContain('wrong-token');
    expect(await aClient().listTools({ url: 'http://127.0.0.1:9/mcp', bearer: TOKEN }, within())).toMatchObject({ kind: 'failed', cause: 'connection' });
  });

  it('does not reach a private address that the operator has not allowed', async () => {
    expect(await aClient([]).listTools(at(server), within())).toMatchObject({
      kind: 'failed',
      cause: 'connection',
      message: expect.stringContaining('loopback'),
    });
    expect(server.authorizations).toEqual([]);
  });

  it('does not follow a redirect to another origin, so the token goes nowhere else', async () => {
    const elsewhere = await anyServer((_, response) => void response.writeHead(307, { location: server.url }).end());
    expect(await aClient().listTools(at(elsewhere, TOKEN), within())).toMatchObject({ kind: 'failed' });
    expect(server.authorizations).toEqual([]);
  });

  it.each([
    [
      'answers with HTML',
      (_: unknown, response: import('node:http').ServerResponse) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hi'),
    ],
    [
      'answers with broken JSON',
      (_: unknown, response: import('node:http').ServerResponse) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
    ],
    [
      'ends its stream without an answer',
      (_: unknown, response: import('node:http').ServerResponse) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': nothing\n\n'),
    ],
    ['answers 500', (_: unknown, response: import('node:http').ServerResponse) => void response.writeHead(500).end('oops')],
  ])('says so when the server %s', async (_, answer) => {
    expect(await aClient().listTools(at(await anyServer(answer)), within(5_000))).toMatchObject({ kind: 'failed', cause: 'connection' });
  });

  it('gives up a server that hangs on a notification, in time', async () => {
    const greeting = { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } };
    const halting = await anyServer((request, response) => {
      void json(request).then((message) => {
        const { id, method } = message as { id?: number; method: string };
        if (method !== 'initialize') return;
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result: greeting }));
      });
    });
    expect(await aClient().listTools(at(halting), within(300))).toMatchObject({ kind: 'failed', message: expect.stringContaining('did not answer') });
  });

  it('takes the token out of what a server repeats in its list', async () => {
    server.offer([{ tool: { name: 'x', description: `your token is ${TOKEN}` }, run: () => ({ content: [] }) }]);
    expect(JSON.stringify(await aClient().listTools(at(server, TOKEN), within()))).not.toContain(TOKEN);
  });

  it('gives up a server that hangs, in time', async () => {
    const hanging = await anyServer(() => undefined);
    expect(await aClient().listTools(at(hanging), within(300))).toMatchObject({
      kind: 'failed',
      cause: 'connection',
      message: expect.stringContaining('did not answer'),
    });
  });
});

describe('calling an MCP tool', () => {
  const call = (one: TestMcpServer, name: string, options = within()) => aClient().callTool(at(one, TOKEN), { name, input: { text: 'x' } }, options);

  it.each([
    ['a stream', () => server],
    ['JSON', () => plain],
  ])('answers with its result, sent as %s', async (_, one) => {
    one().offer([textTool('echo', ({ text }) => `said ${String(text)}`)]);
    expect(await call(one(), 'echo')).toMatchObject({ kind: 'answered', result: { content: [{ type: 'text', text: 'said x' }], isError: false } });
  });

  it("keeps the tool's own error as the tool's answer", async () => {
    server.offer([{ tool: { name: 'fails' }, run: () => ({ content: [{ type: 'text', text: 'no such row' }], isError: true }) }]);
    expect(await call(server, 'fails')).toMatchObject({ kind: 'answered', result: { isError: true } });
  });

  it('tells an error of the protocol as final', async () => {
    server.offer([]);
    expect(await call(server, 'gone')).toMatchObject({ kind: 'refused', message: expect.stringContaining('no tool gone') });
  });

  it('does not know the outcome when the server dies in the middle of the call', async () => {
    server.offer([{ tool: { name: 'dies' }, run: (_, { request }) => new Promise(() => void request.socket.destroy()) }]);
    expect(await call(server, 'dies')).toMatchObject({ kind: 'unknown', timedOut: false });
  });

  it('does not know the outcome when no answer comes in time, and tells the server to stop', async () => {
    const stopped = Promise.withResolvers<void>();
    server.offer([{ tool: { name: 'hangs' }, run: (_, { response }) => new Promise(() => void response.once('close', () => stopped.resolve())) }]);
    expect(await call(server, 'hangs', within(2_000))).toMatchObject({ kind: 'unknown', timedOut: true });
    await waitFor('the server to be told', () => server.asked.includes('notifications/cancelled'));
    await stopped.promise;
  });

  it('knows that a call which never reached the server did not run', async () => {
    const answer = await aClient().callTool({ url: 'http://127.0.0.1:9/mcp', bearer: undefined }, { name: 'x', input: {} }, within());
    expect(answer.kind).toBe('refused');
  });

  it('stops with the signal and its reason', async () => {
    const stop = new AbortController();
    server.offer([{ tool: { name: 'hangs' }, run: () => new Promise(() => stop.abort(new Error('enough'))) }]);
    await expect(call(server, 'hangs', within(20_000, stop.signal))).rejects.toThrow('enough');
  });

  it('reads ten megabytes, and drops what is more than it may read', async () => {
    server.offer([textTool('big', () => 'a'.repeat(10 * 1024 * 1024))]);
    const answer = await call(server, 'big');
    expect(answer.kind === 'answered' && String(answer.result.content[0]?.['text']).length).toBe(10 * 1024 * 1024);
    const bounded = await aClient(['127.0.0.0/8'], 1_000_000).callTool(at(server), { name: 'big', input: {} }, within());
    expect(bounded).toMatchObject({ kind: 'refused', message: expect.stringContaining('more than can be read') });
  });

  it('takes the token out of what the server repeats', async () => {
    server.offer([{ tool: { name: 'leaks' }, run: (_, { request }) => ({ content: [{ type: 'text', text: `you sent ${request.headers.authorization}` }] }) }]);
    const answer = await call(server, 'leaks');
    expect(answer).toMatchObject({ kind: 'answered', result: { content: [{ text: 'you sent Bearer [secret]' }] } });
  });

  it('takes it out in whatever form the server writes it', async () => {
    const header = Buffer.from(`{"authorization":"Bearer ${TOKEN}"}`).toString('base64');
    const address = `https://example.org/?next=${encodeURIComponent(`a b&t=${ODD_TOKEN}`)}`;
    server.offer([{ tool: { name: 'encodes' }, run: () => ({ content: [{ type: 'text', text: `${header} ${address}` }] }) }]);
    for (const token of [TOKEN, ODD_TOKEN]) {
      const answer = await aClient().callTool(at(server, token), { name: 'encodes', input: {} }, within());
      const said = JSON.stringify(answer);
      expect(said).toContain('[secret]');
      for (const form of formsOfSecret(token)) expect(said).not.toContain(form);
    }
  });
});

describe('what a server says, checked', () => {
  const tool = (name: string, extra = {}) => ({ name, inputSchema: { type: 'object' }, ...extra });

  it('leaves out tools that would spoil every request to a model provider', () => {
    const listed = [
      tool('good', {
        inputSchema: { type: 'object', properties: { a: { type: ['string', 'null'] }, b: { anyOf: [{ type: 'integer' }, { $ref: '#/$defs/x' }] } } },
      }),
      tool('good', { description: 'the second of a name' }),
      tool('no_schema', { inputSchema: undefined }),
      tool('array', { inputSchema: { type: 'array' } }),
      tool('alternatives', { inputSchema: { type: 'object', anyOf: [{}] } }),
      tool('wrong_type', { inputSchema: { type: 'object', properties: { a: { type: 'text' } } } }),
      tool('wrong_required', { inputSchema: { type: 'object', required: 'a' } }),
      tool('bad_name', { inputSchema: { type: 'object', properties: { 'a b': {} } } }),
      tool('foreign_ref', { inputSchema: { type: 'object', properties: { a: { $ref: 'http://x/y' } } } }),
      tool('deep', { inputSchema: JSON.parse(`${'{"type":"object","properties":{"a":'.repeat(40)}{}${'}}'.repeat(40)}`) }),
      tool('huge', { inputSchema: { type: 'object', description: 'x'.repeat(40_000) } }),
      tool('x'.repeat(129)),
      { inputSchema: { type: 'object' } },
      null,
    ];
    expect(toToolList(listed).map(({ name, description }) => [name, description])).toEqual([['good', '']]);
  });

  it('knows a tool that may be called again by its hints only', () => {
    const hints = [{ readOnlyHint: true }, { idempotentHint: true }, { destructiveHint: false }, undefined, 'nonsense'];
    expect(toToolList(hints.map((annotations, index) => tool(`t${index}`, { annotations }))).map(({ repeatable }) => repeatable)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it('keeps 256 tools over all servers', () => {
    const tools = toToolList(Array.from({ length: 200 }, (_, index) => tool(`t${index}`)));
    expect(withinLimits([{ tools }, { tools }]).map((list) => list.tools.length)).toEqual([200, 56]);
  });

  it('shows texts, images and resources, and names what cannot be shown', () => {
    const content = [
      { type: 'text', text: 'hello' },
      { type: 'image', mimeType: 'image/jpeg', data: PNG },
      { type: 'image', mimeType: 'image/png', data: Buffer.from('no image').toString('base64') },
      { type: 'resource', resource: { uri: 'file:///a.txt', text: 'inside' } },
      { type: 'resource', resource: { uri: 'file:///a.pdf', blob: Buffer.from('%PDF-1.7 …').toString('base64') } },
      { type: 'resource', resource: { uri: 'file:///a.bin', mimeType: 'application/zip', blob: 'AAAA' } },
      { type: 'resource_link', uri: 'https://example.org/x', name: 'x' },
      { type: 'audio', mimeType: 'audio/wav', data: 'AAAA' },
      { type: 'hologram' },
    ];
    expect(toResultBlocks({ content, structuredContent: { a: 1 }, isError: false })).toEqual([
      { type: 'text', text: 'hello' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
      { type: 'text', text: expect.stringContaining('left out') },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'inside' }, title: 'file:///a.txt' },
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: expect.any(String) }, title: 'file:///a.pdf' },
      { type: 'text', text: expect.stringContaining('file:///a.bin') },
      { type: 'text', text: 'Resource x: https://example.org/x' },
      { type: 'text', text: expect.stringContaining('"audio"') },
      { type: 'text', text: expect.stringContaining('"hologram"') },
    ]);
  });

  it('shows structured content where there is no text', () => {
    expect(toResultBlocks({ content: [], structuredContent: { rows: [1, 2] }, isError: false })).toEqual([{ type: 'text', text: '{"rows":[1,2]}' }]);
  });
});
