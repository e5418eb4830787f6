import { once } from 'node:events';
import * as fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { serveEgressBridge } from './egress-bridge.js';

async function aBridge() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rondo-egress-bridge-'));
  const socketPath = path.join(directory, 'egress.sock');
  const bridge = await serveEgressBridge({ port: 0, socketPath });
  onTestFinished(() => {
    bridge.close();
    fs.rmSync(directory, { recursive: true });
  });
  return { socketPath, port: bridge.port };
}

async function listen(socketPath: string, serve: (peer: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true }, serve);
  server.listen(socketPath);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}

test('it carries bytes both ways, also after one side has ended', async () => {
  const { socketPath, port } = await aBridge();
  await listen(socketPath, (peer) => {
    void buffer(peer).then((received) => peer.end(`${received.length} bytes`));
  });
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.end(Buffer.alloc(3_000_000, 7));
  expect(await text(client)).toBe('3000000 bytes');
});

test('it says so while nobody listens, and finds the socket that is made later', async () => {
  const { socketPath, port } = await aBridge();
  const ask = () => text(net.connect({ port, host: '127.0.0.1' }).end('CONNECT a:443 HTTP/1.1\r\n\r\n'));
  expect(await ask()).toMatch(/^HTTP\/1\.1 503 /);
  const server = await listen(socketPath, (peer) => peer.resume().end('first'));
  expect(await ask()).toBe('first');
  server.close();
  await once(server, 'close');
  expect(await ask()).toMatch(/^HTTP\/1\.1 503 /);
  await listen(socketPath, (peer) => peer.resume().end('second'));
  expect(await ask()).toBe('second');
});

test('a program that goes away takes its connection to the gateway along', async () => {
  const { socketPath, port } = await aBridge();
  const closed = new Promise<void>((resolve) => {
    void listen(socketPath, (peer) => peer.resume().once('end', resolve).write('hello'));
  });
  const client = net.connect({ port, host: '127.0.0.1' });
  await once(client, 'data');
  client.destroy();
  await closed;
});
