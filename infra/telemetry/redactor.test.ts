import { describe, expect, it } from 'vitest';
import { redactLine } from './logger.js';
import { createRedactor } from './redactor.js';

const SECRET = 's3cret/+="%&?~\\ ü-0123456789abcdef';
const CONFIGURED = 'configured-key';
const base64 = (text: string, encoding: 'base64' | 'base64url' = 'base64') => Buffer.from(text).toString(encoding);

describe('what a redactor knows', () => {
  it.each([
    ['as it is', SECRET, SECRET],
    ['in JSON', JSON.stringify(SECRET).slice(1, -1), SECRET],
    ['in JSON in JSON', JSON.stringify(JSON.stringify(SECRET)), SECRET],
    ['in an address', `?key=${encodeURIComponent(SECRET)}`, SECRET],
    ['in an address, in small letters', encodeURIComponent(SECRET).replace(/%../g, (code) => code.toLowerCase()), SECRET],
    ['in a form', new URLSearchParams({ key: SECRET }).toString(), SECRET],
    ['in base64', base64(SECRET), SECRET],
    ['in base64 for addresses', base64(SECRET, 'base64url'), SECRET],
    ['behind a user name, as HTTP sends it', base64(`x-access-token:${SECRET}`), SECRET],
    ['in base64 by another byte', base64(`a:${SECRET}:and more`), SECRET],
    ['in base64 by two bytes', base64(`ab${SECRET}`, 'base64url'), SECRET],
  ])('is taken out %s, and the rest stays', (_, text) => {
    const redact = createRedactor([CONFIGURED]);
    redact.learn(SECRET);
    const cleaned = redact(`before ${text} between ${CONFIGURED} after`);
    expect(cleaned).toMatch(/^before .*\[redacted\].* between \[redacted\] after$/);
    // At most the few characters on either side that neighbours decide are left of it.
    expect(cleaned.length).toBeLessThan('before [redacted] between [redacted] after'.length + text.length - SECRET.length + 4);
  });

  it('is the longest where one secret begins with another', () => {
    const redact = createRedactor(['token-of-a', 'token-of-a-longer-name']);
    expect(redact('token-of-a-longer-name token-of-a')).toBe('[redacted] [redacted]');
  });

  it('changes no text without a secret, and nothing for a value that is too short to be one', () => {
    const redact = createRedactor(['short']);
    redact.learn('level');
    redact.learn('');
    const text = 'The level of short texts';
    expect(redact(text)).toBe(text);
  });
});

describe('secrets that come into use', () => {
  it('are forgotten when a thousand others came after, unless they are met again; configured ones never', () => {
    const redact = createRedactor([CONFIGURED]);
    redact.learn('secret-of-old');
    redact.learn('secret-still-used');
    for (let index = 0; index < 1_500; index += 1) {
      redact.learn(`secret-number-${index}`);
      redact.learn('secret-still-used');
    }
    expect(redact('secret-of-old')).toBe('secret-of-old');
    expect(redact(`secret-still-used secret-number-1499 ${CONFIGURED}`)).toBe('[redacted] [redacted] [redacted]');
  });

  it('take bounded memory: large ones push others out, one that is larger than all room is left alone', () => {
    const redact = createRedactor([]);
    redact.learn('secret-that-is-small');
    for (let index = 0; index < 40; index += 1) redact.learn(`${index}-${'x'.repeat(16_000)}`);
    expect(redact('secret-that-is-small')).toBe('secret-that-is-small');
    redact.learn('y'.repeat(600_000));
    expect(redact(`39-${'x'.repeat(16_000)}`)).toBe('[redacted]');
  });

  it('stay known when they are configured, too', () => {
    const redact = createRedactor([CONFIGURED]);
    redact.learn(CONFIGURED);
    for (let index = 0; index < 1_100; index += 1) redact.learn(`secret-number-${index}`);
    expect(redact(CONFIGURED)).toBe('[redacted]');
  });

  it('make no text slow to clean', () => {
    const redact = createRedactor([]);
    for (let index = 0; index < 1_000; index += 1) redact.learn(`secret-number-${index}-${'z'.repeat(200)}`);
    const text = 'an ordinary sentence of a log; '.repeat(30_000);
    const before = performance.now();
    expect(redact(text)).toBe(text);
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});

describe('a line of the log', () => {
  it('is cleaned in its values; a secret that looks like its frame does not break it', () => {
    const redact = createRedactor([]);
    redact.learn('"level":30,"msg"');
    redact.learn('secret-in-the-log "quoted"');
    const line = JSON.stringify({ level: 30, msg: 'x secret-in-the-log "quoted" y', deep: [{ cause: 'secret-in-the-log "quoted"' }] });
    expect(redactLine(`${line}\n`, redact)).toBe(`${JSON.stringify({ level: 30, msg: 'x [redacted] y', deep: [{ cause: '[redacted]' }] })}\n`);
    expect(redactLine('no JSON, secret-in-the-log "quoted"\n', redact)).toBe('no JSON, [redacted]\n');
  });
});

describe('a text of which more is to come', () => {
  const redact = createRedactor([SECRET, CONFIGURED]);

  it('gives the same however it is cut, and no part of a secret before the whole of it', () => {
    const text = `a ${CONFIGURED} b ${base64(SECRET)} c ${SECRET}${CONFIGURED} configured-k d`;
    for (let cut = 0; cut <= text.length; cut += 1) {
      const settled = redact.settled(text.slice(0, cut));
      expect(redact(text.slice(0, settled)) + redact(text.slice(settled))).toBe(redact(text));
      for (const secret of [SECRET, CONFIGURED]) {
        const end = redact(text.slice(0, settled)).slice(-5);
        expect(secret.startsWith(end) && end.length === 5, `${end} is the beginning of a secret`).toBe(
          text.slice(0, settled).includes('configured-k d') && secret.startsWith(end),
        );
      }
    }
  });

  it('is settled to its end when nothing at its end may begin a secret', () => {
    expect(redact.settled('nothing')).toBe(7);
    expect(redact.settled('nothing conf')).toBe(8);
    expect(createRedactor([]).settled('conf')).toBe(4);
  });
});
