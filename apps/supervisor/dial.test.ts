import { EventEmitter } from 'node:events';
import * as fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { dialNewSockets } from './dial.js';

let directory: string;
const endings: (() => void)[] = [];
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rondo-dial-'));
});
afterEach(() => {
  for (const end of endings.splice(0)) end();
  fs.rmSync(directory, { recursive: true, force: true });
});

it('dials a socket that appears later', async () => {
  await expectDialled(fs.watch, () => {});
});

it('dials a socket that appears later where the directory cannot be watched', async () => {
  const exhausted = () => {
    throw new Error('EMFILE: too many open files, watch');
  };
  await expectDialled(exhausted, () => {});
});

it('dials a socket that appears after the watch has failed', async () => {
  const watcher = Object.assign(new EventEmitter(), { close: () => {} }) as unknown as fs.FSWatcher;
  await expectDialled(
    () => watcher,
    () => watcher.emit('error', new Error('EMFILE')),
  );
});

async function expectDialled(watch: Parameters<typeof dialNewSockets>[2], before: () => void): Promise<void> {
  const dialled = new Promise<net.Socket>((resolve) => endings.push(dialNewSockets(directory, resolve, watch)));
  before();
  const server = net.createServer((socket) => socket.end('worker'));
  endings.push(() => server.close());
  server.listen(path.join(directory, 'one.sock'));
  const said = await new Promise((resolve) => void dialled.then((socket) => socket.setEncoding('utf8').once('data', resolve)));
  expect(said).toBe('worker');
}
