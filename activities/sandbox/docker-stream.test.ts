import { duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { demultiplex } from './docker-stream.js';

const frame = (stream: 1 | 2, payload: string): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(payload), 4);
  return Buffer.concat([header, Buffer.from(payload)]);
};

test('frames are joined whatever pieces they arrive in', async () => {
  const [near, engine] = duplexPair();
  const bytes = Buffer.concat([frame(1, 'one '), frame(1, ''), frame(1, 'two '), frame(1, 'drei: ü')]);
  const reading = text(demultiplex(near));
  for (const byte of bytes) engine.write(Buffer.from([byte]));
  engine.end();
  expect(await reading).toBe('one two drei: ü');
});

test('standard error is kept out of the channel and ends it with an error', async () => {
  const [near, engine] = duplexPair();
  const channel = demultiplex(near);
  const reading = text(channel);
  engine.write(Buffer.concat([frame(2, 'no such program\n'), frame(1, 'partial')]));
  engine.end();
  await expect(reading).rejects.toThrow('no such program');
});

test('a reader that stalls holds the engine back', async () => {
  const [near, engine] = duplexPair();
  const channel = demultiplex(near);
  let written = 0;
  const piece = frame(1, 'x'.repeat(65_536));
  for (; written < 10_000 && engine.write(piece); written++) await new Promise(setImmediate);
  expect(written).toBeLessThan(100);
  channel.destroy();
});

test('what is written goes to standard input as it is', async () => {
  const [near, engine] = duplexPair();
  const reading = text(engine);
  demultiplex(near).end('input');
  expect(await reading).toBe('input');
});
