/**
 * JSON for a jsonb column. Postgres refuses NUL and unpaired surrogates, which models and programs do produce; both
 * become U+FFFD, in values and in keys.
 */
export const toJsonb = (value: unknown): string =>
  JSON.stringify(value).replace(/\\(u0000|ud[89a-f][0-9a-f]{2}|.)/gs, (sequence, code: string) => (code.length > 1 ? '\\ufffd' : sequence));

/** The same for a text column. */
export const toText = (value: string): string => value.replaceAll('\0', '\ufffd').toWellFormed();
