import { randomBytes } from 'node:crypto';

/** Every character that some encoding writes in another way, and that a header still carries. */
export const aSecret = (name: string): string => `${name}-canary/+="%&?${randomBytes(16).toString('hex')}`;

/** A text, and where it was found. */
export interface Document {
  readonly place: string;
  readonly text: string;
}

/** A secret by the name it goes by in findings. */
export type Secrets = Readonly<Record<string, string>>;

const SHORTEST_PIECE = 14;

/** Every form in which a secret could be written down, half ones too. */
export function formsOf(secret: string): Map<string, string> {
  const forms = new Map([
    ['plain', secret],
    ['URL-encoded', encodeURIComponent(secret)],
    ['JSON-escaped', JSON.stringify(secret).slice(1, -1)],
    ['JSON in JSON', JSON.stringify(JSON.stringify(secret)).slice(3, -3)],
    ['hexadecimal', Buffer.from(secret).toString('hex')],
    ['cut off', secret.slice(0, Math.max(SHORTEST_PIECE, Math.ceil(secret.length / 3)))],
    ['without its beginning', secret.slice(-Math.max(SHORTEST_PIECE, Math.ceil(secret.length / 3)))],
  ]);
  // In base64 a text looks different at each of three offsets; the characters at both ends depend on the neighbours.
  for (const offset of [0, 1, 2]) {
    const whole = Buffer.from(`${'x'.repeat(offset)}${secret}`)
      .toString('base64')
      .replace(/=+$/, '');
    const inner = whole.slice(offset === 0 ? 0 : offset + 1, -2);
    forms.set(`base64 at offset ${offset}`, inner);
    forms.set(`base64url at offset ${offset}`, inner.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return forms;
}

/** Where secrets are, and in which form: one line each, without the secret. */
export function findSecrets(documents: readonly Document[], secrets: Secrets): string[] {
  const wanted = Object.entries(secrets).flatMap(([name, secret]) => [...formsOf(secret)].map(([form, text]) => ({ name, form, text })));
  return documents.flatMap(({ place, text }) => wanted.filter((form) => text.includes(form.text)).map(({ name, form }) => `${place}: ${name}, ${form}`));
}

/** The kinds of place (the first two words) where a secret was found. */
export const placesOf = (findings: readonly string[]): string[] =>
  [...new Set(findings.map((finding) => finding.split(':')[0]?.split(' ').slice(0, 2).join(' ') ?? ''))].sort();
