import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createByteReplacer, type Replacement } from './byte-replacer.js';

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 });
const replacements = fc
  .uniqueArray(fc.record({ from: word, to: fc.string({ unit: fc.constantFrom('X', 'a', 'b'), maxLength: 5 }) }), {
    selector: ({ from }) => from,
    minLength: 1,
    maxLength: 4,
  })
  .map((pairs) => pairs.map(({ from, to }): Replacement => ({ from: Buffer.from(from), to: Buffer.from(to) })));
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), maxLength: 60 });

/** The plain rule: from the left, the longest that begins here. */
function expected(input: string, pairs: readonly Replacement[]): string {
  const longestFirst = [...pairs].sort((left, right) => right.from.length - left.from.length);
  let output = '';
  for (let at = 0; at < input.length; ) {
    const match = longestFirst.find(({ from }) => input.startsWith(from.toString(), at));
    output += match ? match.to.toString() : input[at];
    at += match ? match.from.length : 1;
  }
  return output;
}

function inChunks(input: string, cuts: readonly number[], pairs: readonly Replacement[]): string {
  const replacer = createByteReplacer(pairs);
  const ends = [...cuts.map((cut) => cut % (input.length + 1)), input.length].sort((left, right) => left - right);
  let output = '';
  let start = 0;
  for (const end of ends) {
    output += replacer.push(Buffer.from(input.slice(start, end))).toString();
    start = end;
  }
  return output + replacer.end().toString();
}

it('replaces the same however the bytes are cut', () => {
  fc.assert(
    fc.property(text, fc.array(fc.nat(60), { maxLength: 12 }), replacements, (input, cuts, pairs) => {
      expect(inChunks(input, cuts, pairs)).toBe(expected(input, pairs));
    }),
    { numRuns: 2_000 },
  );
});

it('finds a secret at every offset of every cut', () => {
  const pair = { from: Buffer.from('rondo_secret_0123456789'), to: Buffer.from('the-real-one') };
  const input = `before rondo_secret_ ${pair.from.toString()}${pair.from.toString()} after rondo_secre`;
  for (let cut = 0; cut <= input.length; cut += 1) {
    for (const second of [cut, cut + 1, cut + 7]) {
      expect(inChunks(input, [cut, Math.min(second, input.length)], [pair])).toBe('before rondo_secret_ the-real-onethe-real-one after rondo_secre');
    }
  }
});

it('keeps back only what may be the beginning of a secret', () => {
  const replacer = createByteReplacer([{ from: Buffer.from('secret'), to: Buffer.from('x') }]);
  expect(replacer.push(Buffer.from('event: done\n\n')).toString()).toBe('event: done\n\n');
  expect(replacer.push(Buffer.from('data: sec')).toString()).toBe('data: ');
  expect(replacer.push(Buffer.from('ond')).toString()).toBe('second');
});
