import { describe, expect, it } from 'vitest';
import { findSecrets, formsOf } from './secret-forms.js';

const SECRET = 'sk-canary/+="%&?0123456789abcdef';

describe('the search for secrets', () => {
  it.each([
    ['as it is', SECRET],
    ['in an address', `https://x/?key=${encodeURIComponent(SECRET)}`],
    ['in JSON', JSON.stringify({ key: SECRET })],
    ['in JSON in JSON', JSON.stringify(JSON.stringify({ key: SECRET }))],
    ['in hexadecimal', Buffer.from(`..${SECRET}`).toString('hex')],
    ['in base64', Buffer.from(SECRET).toString('base64')],
    ['in base64 of a longer text', Buffer.from(`a user:${SECRET}:more`).toString('base64')],
    ['in base64 of a longer text by another byte', Buffer.from(`an user:${SECRET}:more`).toString('base64')],
    ['in base64 of a longer text by two bytes', Buffer.from(`any user:${SECRET}:more`).toString('base64')],
    ['in base64 for addresses', Buffer.from(`x${SECRET}`).toString('base64url')],
    ['cut off', `... ${SECRET.slice(0, 20)}`],
    ['without its beginning', `${SECRET.slice(12)} ...`],
  ])('finds one %s', (_, text) => {
    expect(findSecrets([{ place: 'here', text: `before ${text} after` }], { key: SECRET })).not.toEqual([]);
  });

  it('finds nothing in other text, and says where without saying what', () => {
    expect(findSecrets([{ place: 'here', text: 'sk-canary' }], { key: SECRET })).toEqual([]);
    const findings = findSecrets([{ place: 'here', text: SECRET }], { key: SECRET });
    expect(findings).toContain('here: key, plain');
    for (const form of formsOf(SECRET).values()) expect(findings.join()).not.toContain(form);
  });
});
