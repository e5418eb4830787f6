import { describe, expect, it } from 'vitest';
import { createRedactor } from '../../infra/telemetry/redactor.js';
import { cleanOutput } from './output-cleaner.js';

const redact = createRedactor(['topsecret-value']);

/** What readers get of an output that comes in these pieces, and how often something was shown. */
function shown(pieces: readonly string[]): string {
  let held = '';
  let text = '';
  for (const piece of pieces) {
    const cleaned = cleanOutput(held + piece, redact);
    text += cleaned.text;
    held = (held + piece).slice(cleaned.length);
  }
  return text;
}

const everyCut = (output: string): string[][] => Array.from({ length: output.length + 1 }, (_, at) => [output.slice(0, at), output.slice(at)]);

describe('output on its way to a reader', () => {
  it.each([
    ['colours', 'a \x1b[1;31mred\x1b[0m b', 'a red b'],
    ['a title', 'a\x1b]0;rm -rf /\x07b', 'ab'],
    ['a link', '\x1b]8;;https://example.com\x1b\\click\x1b]8;;\x1b\\ here', 'click here'],
    ['a device string', 'a\x1bP1$r0m\x1b\\b', 'ab'],
    ['one-byte control sequences', 'a\x9b2Jb', 'ab'],
    ['a character set and a reset', 'a\x1b(Bb\x1bcd.', 'abd.'],
    ['a lone escape', 'a\x1b\nb', 'a\nb'],
    ['a secret', 'key: topsecret-value!', 'key: [redacted]!'],
    ['a secret with colours in it', 'topsec\x1b[1mret-\x1b[0mvalue!', '[redacted]!'],
    ['emoji', 'a 🙂 b', 'a 🙂 b'],
  ])('is the same wherever it is cut: %s', (_what, output, expected) => {
    for (const pieces of everyCut(output)) expect(shown(pieces), JSON.stringify(pieces)).toBe(expected);
    expect(shown(output.split(''))).toBe(expected);
  });

  it('keeps back what may become a secret, and nothing more', () => {
    expect(cleanOutput('Continue? [y/n] ', redact)).toEqual({ text: 'Continue? [y/n] ', length: 16 });
    expect(cleanOutput('it is topsecret-', redact)).toEqual({ text: 'it is ', length: 6 });
    expect(cleanOutput('it is \x1b[1mtop\x1b[0msecret-', redact)).toEqual({ text: 'it is ', length: 10 });
  });

  it('does not wait for a control string that never ends', () => {
    const endless = `before\x1b]0;${'x'.repeat(5_000)}`;
    expect(cleanOutput(endless, redact).length).toBe(endless.length);
  });

  it('takes no longer for hostile output than its length', () => {
    const hostile = ['\x1b]'.repeat(8_000), `\x1b[${'1;'.repeat(8_000)}`, '\x1b[0'.repeat(6_000), 'topsecre'.repeat(2_000), `\x1b${' '.repeat(16_000)}`];
    for (const output of hostile) {
      const begin = performance.now();
      cleanOutput(output, redact);
      expect(performance.now() - begin, JSON.stringify(output.slice(0, 8))).toBeLessThan(500);
    }
  });
});
