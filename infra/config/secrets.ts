import type { Config } from './config.js';
import { Secret } from './secret.js';

/** Every configured secret in the clear, passwords in addresses included: what the redactor must know. */
export function secretsOf(config: Config): string[] {
  const values = Object.values(config).flatMap((group) => Object.values(group as Record<string, unknown>));
  return values.flatMap((value) => {
    const text = value instanceof Secret ? value.reveal() : value;
    if (typeof text !== 'string') return [];
    return [...(value instanceof Secret ? [text] : []), ...passwordsIn(text)];
  });
}

function passwordsIn(text: string): string[] {
  if (!/^[a-z]+:\/\/[^/]*@/.test(text)) return [];
  const { password } = new URL(text);
  return password ? [password, decodeURIComponent(password)] : [];
}
