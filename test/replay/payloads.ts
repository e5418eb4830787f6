/** A payload of Temporal in JSON: base64 of what somebody put in, with its encoding beside it. */
interface JsonPayload {
  readonly metadata: Readonly<Record<string, string>>;
  readonly data: string;
}

const isPayload = (value: object): value is JsonPayload => 'metadata' in value && 'data' in value && typeof value.data === 'string';

/** The text of every payload anywhere in a JSON value: arguments, results, summaries, details, failures, carried state. */
export function payloadTexts(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (isPayload(value)) return [Buffer.from(value.data, 'base64').toString()];
  return Object.values(value).flatMap(payloadTexts);
}
