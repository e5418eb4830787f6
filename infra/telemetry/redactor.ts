/** Shorter values would hit ordinary words. */
const SHORTEST_SECRET = 6;

/**
 * The one redactor: replaces every known secret, plain, URL-encoded, base64 and JSON-escaped, in foreign text before it
 * is logged, stored or shown.
 */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const forms = secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
      Buffer.from(secret).toString('base64url'),
      JSON.stringify(secret).slice(1, -1),
    ]);
  const ordered = [...new Set(forms)].sort((left, right) => right.length - left.length);
  if (ordered.length === 0) return (text) => text;
  const pattern = new RegExp(ordered.map((form) => form.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|'), 'g');
  return (text) => text.replace(pattern, '[redacted]');
}
