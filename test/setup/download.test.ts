import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { fetchText } from '../../scripts/setup/download.mjs';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(answer: (response: import('node:http').ServerResponse) => void): Promise<string> {
  server = createServer((_request, response) => answer(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
}

it('gives a server that takes the connection and says nothing five seconds', async () => {
  const url = await serve(() => {});
  const started = performance.now();
  await expect(fetchText(url)).rejects.toThrow(/no answer within 5 s/);
  // Not the 30 s for which a server that has answered may be silent; the message says how long it was, and a busy machine adds to it.
  expect(performance.now() - started).toBeLessThan(25_000);
});

it('names the host and the status of a refusal', async () => {
  const url = await serve((response) => response.writeHead(404).end());
  await expect(fetchText(url)).rejects.toThrow(/127\.0\.0\.1:\d+: answered 404/);
});

it('reads an answer that comes', async () => {
  const url = await serve((response) => response.end('here'));
  expect(await fetchText(url)).toBe('here');
});
