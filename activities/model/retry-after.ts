/**
 * Milliseconds a provider asks to wait: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date.
 * `undefined` where it named no time or none that can be read; never negative.
 */
export function retryAfterMs(headers: Headers | undefined, now: number = Date.now()): number | undefined {
  const milliseconds = numberOf(headers?.get('retry-after-ms'));
  if (milliseconds !== undefined) return Math.ceil(milliseconds);
  const header = headers?.get('retry-after');
  const seconds = numberOf(header);
  if (seconds !== undefined) return Math.ceil(seconds * 1000);
  // The platform's parser takes nearly anything for a date; an HTTP date begins with the name of a day.
  const date = header && /^\s*[A-Z]/i.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function numberOf(header: string | null | undefined): number | undefined {
  return header && /^\s*\d+(\.\d+)?\s*$/.test(header) ? Number(header) : undefined;
}
