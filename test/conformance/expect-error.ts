import { APIError } from '@anthropic-ai/sdk';
import { expect } from 'vitest';

/** Fails unless a call is refused with this status, in the wire's error envelope with a request id; answers the error. */
export async function expectRefused(call: PromiseLike<unknown>, status: number): Promise<APIError> {
  const error = await Promise.resolve(call).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof APIError)) throw error instanceof Error ? error : new Error(`The call was not refused, ${status} was due.`);
  if (error.status !== status) throw error;
  expect(error.error).toMatchObject({ type: 'error', error: { type: expect.any(String), message: expect.any(String) }, request_id: expect.any(String) });
  expect(error.requestID).toMatch(/^req_/);
  return error;
}
