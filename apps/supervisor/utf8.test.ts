import { expect, test } from 'vitest';
import { createUtf8Normalizer } from './utf8.js';

function normalized(pieces: readonly Buffer[]): string {
  const normalizer = createUtf8Normalizer();
  const parts = pieces.map((piece) => Buffer.from(normalizer.push(piece)));
  for (const part of parts) expect(Buffer.from(part.toString()).equals(part), 'whole characters').toBe(true);
  return Buffer.concat([...parts, normalizer.end()]).toString();
}

test.each([
  ['text', Buffer.from('plain äöü € 🙂 text')],
  ['bytes that are no text', Buffer.from([0x61, 0xff, 0xc3, 0x28, 0xe2, 0x82, 0x62, 0xf0, 0x9f, 0x98, 0x80, 0x80, 0x80, 0x80, 0x80, 0xc0, 0x00, 0xf8, 0xe2])],
])('%s come out the same wherever they are cut', (_what, bytes) => {
  const expected = bytes.toString();
  for (let cut = 0; cut <= bytes.length; cut += 1) expect(normalized([bytes.subarray(0, cut), bytes.subarray(cut)])).toBe(expected);
  expect(normalized([...bytes].map((byte) => Buffer.from([byte])))).toBe(expected);
});
