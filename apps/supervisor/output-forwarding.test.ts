import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { SupervisorReply } from '../../activities/sandbox/supervisor-protocol.js';
import { createCallOutput } from './call-output.js';
import { forwardOutput } from './output-forwarding.js';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rondo-forwarding-'));
afterAll(() => fs.rmSync(directory, { recursive: true }));
/** How much is sent depends on the time that passes, so the test says how much that is. */
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** A call's output on its way over a channel whose reader reads, or does not. */
function forwarding(callId: string, { isOpen = true } = {}) {
  const output = createCallOutput({ callId, directory, keep: 100 * 1024, spillLimit: 64 * 1024 * 1024 });
  const lines: string[] = [];
  const channel = new PassThrough();
  const send = (reply: SupervisorReply) => {
    lines.push(JSON.stringify(reply));
    return isOpen;
  };
  const { stop } = forwardOutput({ channel, callId, output, from: 0, send });
  onTestFinished(() => {
    stop();
    output.close();
  });
  return { output, channel, lines, bytes: () => lines.join('').length };
}

test('what is sent stays below what a worker takes for a flood, however the output looks on the line', async () => {
  const { output, bytes } = forwarding('zeros');
  for (let index = 0; index < 40; index += 1) {
    output.write(Buffer.alloc(64 * 1024));
    await vi.advanceTimersByTimeAsync(25);
  }
  // A piece of zeros is six times as long on the line.
  expect(bytes()).toBeGreaterThan(100 * 1024);
  expect(bytes()).toBeLessThan(768 * 1024);
});

test('a reader who does not read gets nothing more until he does, and then what is newest', async () => {
  const { output, channel, lines } = forwarding('stalled', { isOpen: false });
  output.write(Buffer.from('first'));
  await vi.advanceTimersByTimeAsync(50);
  expect(lines.length).toBe(1);
  for (let index = 0; index < 100; index += 1) output.write(Buffer.alloc(64 * 1024, 'x'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(lines.length).toBe(1);
  channel.emit('drain');
  await vi.advanceTimersByTimeAsync(50);
  expect(lines.length).toBe(2);
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({ offset: output.total - 16 * 1024 });
});
