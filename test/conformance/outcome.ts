import { setTimeout as delay } from 'node:timers/promises';
import { APIError } from '@anthropic-ai/sdk';
import type { Checks } from './entry.js';
import type { World } from './world.js';

const CHECK_LIMIT_MS = 60_000;

export type Verdict = 'works' | 'partly' | 'not yet';

/** What a run found out about one method. */
export interface Outcome {
  readonly verdict: Verdict;
  /** The sentences that were checked, in their order. */
  readonly checked: readonly string[];
  /** Those of them that do not hold. */
  readonly missing: readonly string[];
}

/** Why checks failed, for the person who reads the failed test. */
export interface Observation {
  readonly outcome: Outcome;
  readonly reasons: readonly string[];
}

/**
 * Runs a method's checks. All hold: works. None, as the server says that it is not built: not yet. Some: partly.
 * A method that fails in any other way is not "not yet": it is broken, and this throws.
 */
export async function observe(checks: Checks, world: World): Promise<Observation> {
  const checked = Object.keys(checks);
  const failures: { readonly sentence: string; readonly error: unknown }[] = [];
  for (const [sentence, check] of Object.entries(checks)) {
    try {
      await within(CHECK_LIMIT_MS, check(world));
    } catch (error) {
      failures.push({ sentence, error });
    }
  }
  const missing = failures.map(({ sentence }) => sentence);
  const reasons = failures.map(({ sentence, error }) => `${sentence}: ${error instanceof Error ? error.message : String(error)}`);
  if (failures.length === 0) return { outcome: { verdict: 'works', checked, missing }, reasons };
  if (failures.length < checked.length) return { outcome: { verdict: 'partly', checked, missing }, reasons };
  if (failures.every(({ error }) => saysNotBuilt(error))) return { outcome: { verdict: 'not yet', checked: [], missing: [] }, reasons };
  throw new Error(`Nothing of it works, and the server does not say that it is not built:\n${reasons.join('\n')}`);
}

/** The limit only bounds a failure. */
async function within(limitMs: number, work: Promise<void>): Promise<void> {
  const done = new AbortController();
  const late = delay(limitMs, undefined, { signal: done.signal }).then(() => {
    throw new Error(`not done within ${limitMs / 1000} s`);
  });
  await Promise.race([work, late]).finally(() => done.abort());
  await late.catch(() => undefined);
}

/** Whether an error is the wire's envelope with a message that says that this is not built. */
export function saysNotBuilt(error: unknown): boolean {
  if (!(error instanceof APIError) || error.status !== 501) return false;
  const body = error.error as { readonly type?: unknown; readonly error?: { readonly type?: unknown; readonly message?: unknown } } | undefined;
  const message = body?.error?.message;
  return (
    body?.type === 'error' &&
    typeof body.error?.type === 'string' &&
    typeof message === 'string' &&
    /not (yet )?(built|implemented|offered|there)|does not (have|offer)/i.test(message) &&
    typeof error.requestID === 'string'
  );
}
