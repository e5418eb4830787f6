import { expect, onTestFinished, test, vi } from 'vitest';
import { createRedactor } from '../../infra/telemetry/redactor.js';
import type { CallOutputPiece } from '../../workflows/contract/sandbox-records.js';
import { openLiveOutput } from './live-output.js';

const ref = { sessionId: 'sesn_1', workspaceId: 'wrkspc_1' };
const callId = 'sevt_1';

/** A place to publish to that keeps everything; `hold` makes it as slow as a database under load. */
function aStore(end = 0) {
  const pieces: CallOutputPiece[] = [];
  let gate: Promise<void> | undefined;
  return {
    pieces,
    text: () => pieces.map(({ text }) => text).join(''),
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    publishCallOutput: vi.fn(async (_ref: unknown, output: { pieces: readonly CallOutputPiece[] }) => {
      await gate;
      pieces.push(...output.pieces);
    }),
    endOfCallOutput: vi.fn(async () => end),
  };
}

const open = async (store: ReturnType<typeof aStore>, attempt = 1) => {
  const output = await openLiveOutput({ store, redact: createRedactor(['topsecret-value']) }, ref, { callId, attempt });
  onTestFinished(output.close);
  return output;
};

test('pieces are published in order, with the bytes they stand for', async () => {
  const store = aStore();
  const output = await open(store);
  output.push('one ', 0);
  output.push('zwölf 🙂 tops', 4);
  output.push('ecret-value.', 4 + Buffer.byteLength('zwölf 🙂 tops'));
  await expect.poll(store.text).toBe('one zwölf 🙂 [redacted].');
  let end = 0;
  for (const { begins, bytes } of store.pieces) {
    expect(begins).toBe(end);
    end += bytes;
  }
  expect(end).toBe(Buffer.byteLength('one zwölf 🙂 topsecret-value.'));
});

test('a later attempt goes on where the last has published, and what comes again is dropped', async () => {
  const store = aStore(100);
  const output = await open(store, 2);
  expect(output.from).toBe(100);
  output.push('again', 50);
  output.push('new', 100);
  await expect.poll(() => store.pieces).toEqual([{ begins: 100, bytes: 3, text: 'new' }]);
});

test('a gap is left as one: nothing is shown of what stood at its edge', async () => {
  const store = aStore();
  const output = await open(store);
  output.push('a topsecret', 0);
  output.push('behind.', 5_000);
  await expect
    .poll(() => store.pieces.map(({ begins, text }) => ({ begins, text })))
    .toEqual([
      { begins: 0, text: 'a ' },
      { begins: 5_000, text: 'behind.' },
    ]);
});

test('what cannot be published in time is dropped, oldest first, and memory stays bounded', async () => {
  const store = aStore();
  const release = store.hold();
  const output = await open(store);
  output.push('first', 0);
  await expect.poll(() => store.publishCallOutput.mock.calls.length).toBe(1);
  for (let index = 0; index < 1_000; index += 1) output.push('x'.repeat(16_000), 5 + index * 16_000);
  release();
  await expect.poll(() => store.pieces.at(-1)).toMatchObject({ begins: 5 + 999 * 16_000 });
  expect(store.pieces.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(100 * 1024);
});

test('a call that is over at once publishes nothing, and nothing follows its end', async () => {
  const store = aStore();
  const output = await open(store);
  output.push('quick', 0);
  await output.close();
  output.push('late', 5);
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(store.publishCallOutput).not.toHaveBeenCalled();
});

test('a database that is away does not fail the call', async () => {
  const store = aStore();
  store.publishCallOutput.mockRejectedValueOnce(new Error('away'));
  const output = await open(store);
  output.push('lost ', 0);
  await expect.poll(() => store.publishCallOutput.mock.calls.length).toBe(1);
  output.push('kept.', 5);
  await expect.poll(() => store.pieces).toEqual([{ begins: 5, bytes: 5, text: 'kept.' }]);
});
