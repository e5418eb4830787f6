import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rondo-bridge-'));
const bundle = path.join(directory, 'supervisor.mjs');
beforeAll(() => {
  execFileSync(process.execPath, ['scripts/bundle-supervisor.mjs', bundle], { stdio: 'inherit' });
});
afterAll(() => fs.rmSync(directory, { recursive: true }));

const aBridge = (socket: string) => spawn(process.execPath, [bundle, 'bridge', '--socket', socket], { stdio: ['pipe', 'pipe', 'inherit'] });

test('it waits for the supervisor to listen, then carries bytes both ways and ends with it', async () => {
  const socket = path.join(directory, 'late.sock');
  const bridge = aBridge(socket);
  // Whoever reads late may be told of the end before the answer.
  const ended = once(bridge, 'exit');
  bridge.stdin.write('ping\n');
  await once(bridge, 'spawn');

  const server = net.createServer((peer) => peer.once('data', (data) => peer.end(`pong to ${data.toString()}`)));
  server.listen(socket);
  const [answer] = (await once(bridge.stdout, 'data')) as [Buffer];
  expect(answer.toString()).toBe('pong to ping\n');
  expect(await ended).toEqual([0, null]);
  server.close();
});

test('it ends when its input ends', async () => {
  const socket = path.join(directory, 'input.sock');
  const server = net.createServer({ allowHalfOpen: true }, (peer) => peer.resume().once('end', () => peer.end()));
  server.listen(socket);
  const bridge = aBridge(socket);
  bridge.stdin.end('last words\n');
  expect(await once(bridge, 'exit')).toEqual([0, null]);
  server.close();
});
