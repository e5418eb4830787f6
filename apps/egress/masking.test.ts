import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { maskAnswer } from './masking.js';

const MASKS = [{ from: Buffer.from('tok_live_1234'), to: Buffer.from('placeholder') }];

it.each([
  ['one header', [['content-encoding', 'gzip']]],
  [
    'two headers',
    [
      ['content-encoding', 'identity'],
      ['content-encoding', 'GZIP'],
    ],
  ],
  ['a list', [['content-encoding', 'identity, gzip']]],
] as const)('unpacks an answer that was compressed unasked, said in %s', async (_how, headers) => {
  const { steps } = maskAnswer(headers, MASKS, true);
  const end = new PassThrough();
  const [body] = await Promise.all([buffer(end), pipeline([Readable.from([gzipSync('it is tok_live_1234.')]), ...steps, end])]);
  expect(body.toString()).toBe('it is placeholder.');
});

it.each([
  [[['content-encoding', 'gzip, br']]],
  [
    [
      ['content-encoding', 'gzip'],
      ['content-encoding', 'gzip'],
    ],
  ],
  [[['content-encoding', 'compress']]],
] as const)('refuses an answer in %j, which it cannot read', (headers) => {
  expect(() => maskAnswer(headers, MASKS, true)).toThrow(/secrets cannot be found/);
});
