import type { LockedSession } from '../session/store.port.js';

/** Attempts at one model request, those of dead workers included, before the turn is given up. */
export const MAXIMUM_ATTEMPTS = 8;

/** How often a model request has failed, or its worker died, so far. */
export async function failedAttempts(session: LockedSession, key: string): Promise<number> {
  const attempts = await session.attemptsOf(key);
  return attempts.filter(({ outcome }) => outcome === null || outcome === 'error' || outcome === 'lost').length;
}
