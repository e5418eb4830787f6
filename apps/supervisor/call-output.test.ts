import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { heldBytes } from '../../test/support/memory.js';
import { type CallOutput, createCallOutput } from './call-output.js';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rondo-output-'));
afterAll(() => fs.rmSync(directory, { recursive: true }));

let count = 0;
function anOutput({ keep = 100, spillLimit = 10_000 } = {}): { output: CallOutput; file: string } {
  count += 1;
  const callId = `sevt_${count}`;
  const folder = path.join(directory, `${count}`, 'outputs');
  const output = createCallOutput({ callId, directory: folder, keep, spillLimit });
  onTestFinished(output.close);
  return { output, file: path.join(folder, `${callId}.txt`) };
}

/** Everything from an offset on, read in pieces of so many bytes. */
function readAll(output: CallOutput, most: number, from = 0): { offset: number; text: string }[] {
  const parts = [];
  for (let at = from; at < output.total; ) {
    const { offset, end, text } = output.read(at, most);
    parts.push({ offset, text });
    at = end;
  }
  return parts;
}

test('what was written is read again from any offset, in whole characters, from memory and from the file', () => {
  const { output } = anOutput();
  const text = Array.from({ length: 300 }, (_, index) => `${index} äöü 🙂\n`).join('');
  for (const character of text) output.write(Buffer.from(character));
  expect(
    readAll(output, 7)
      .map((part) => part.text)
      .join(''),
  ).toBe(text);
  const half = Buffer.byteLength(text.slice(0, 1_500));
  expect(
    readAll(output, 64, half)
      .map((part) => part.text)
      .join(''),
  ).toBe(text.slice(1_500));
});

test('beyond what is saved reading goes on with what is still in memory', () => {
  const { output, file } = anOutput({ keep: 100, spillLimit: 500 });
  for (let index = 0; index < 1_000; index += 1) output.write(Buffer.from(`${String(index).padStart(9)}\n`));
  const parts = readAll(output, 90);
  expect(parts.findIndex(({ offset }, index) => index > 0 && offset > (parts[index - 1]?.offset ?? 0) + 90)).toBeGreaterThan(4);
  expect(parts.at(-1)?.text).toMatch(/999\n$/);
  expect(fs.readFileSync(file, 'utf8').slice(500)).toBe('\n[What was printed beyond 500 bytes is not kept.]\n');
  expect(output.text()).toContain(`Its first 500 bytes are in ${file}.`);
});

test('the shown tail begins with a whole character', () => {
  const { output } = anOutput({ keep: 101 });
  output.write(Buffer.from('ü'.repeat(500)));
  expect(output.text().split('\n')[1]).toBe('ü'.repeat(50));
});

test('memory does not grow with the output', () => {
  const { output } = anOutput({ keep: 100 * 1024, spillLimit: 1024 });
  const piece = Buffer.alloc(64 * 1024, 'x');
  const before = heldBytes();
  for (let index = 0; index < 4_000; index += 1) output.write(piece);
  expect(output.total).toBe(4_000 * 64 * 1024);
  expect(output.read(0, 1_000_000).text.length).toBeLessThanOrEqual(200 * 1024 + 1_024);
  expect(heldBytes() - before).toBeLessThan(64 * 1024 * 1024);
});
