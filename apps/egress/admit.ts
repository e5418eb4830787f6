import type { AskPeople } from '../../activities/egress/ask-people.js';
import { type Target, writeAuthority } from '../../activities/egress/host-name.js';
import { type Destination, decide, type Verdict } from '../../activities/egress/policy.js';
import { Refusal } from '../../activities/egress/refusal.js';
import type { Sandbox } from './sandbox.js';
import type { SessionPolicies, SessionRules } from './session-policies.js';

export interface Admission {
  readonly rules: SessionRules;
  readonly verdict: Verdict;
}

/**
 * What the session's policy says now, with an answer of people where it wants one. Whatever goes wrong on the way is a
 * refusal. Errors: `Refusal`.
 */
export async function admit(
  parts: { readonly policies: SessionPolicies; readonly ask: AskPeople },
  session: Sandbox,
  destination: Destination,
  signal: AbortSignal,
  options: { readonly mayAsk: boolean } = { mayAsk: true },
): Promise<Admission> {
  const rules = await parts.policies.find(session).catch((error: unknown) => {
    throw new Refusal(
      503,
      'policy is not known',
      `Rondo cannot read this session's network policy now, so nothing passes (${error instanceof Error ? error.message : 'unknown'}).`,
    );
  });
  const { host, port, request } = destination;
  if (session.generation < rules.oldestGeneration) throw denied({ host, port }, 'this sandbox has been replaced');
  let verdict = decide(rules.policy, destination);
  if (verdict.decision === 'ask' && options.mayAsk) {
    session.held += 1;
    try {
      verdict = await parts.ask(session, { host, port, method: request?.method ?? null, timeoutMs: rules.policy.askTimeoutMs }, signal);
    } catch (error) {
      throw error instanceof Refusal
        ? error
        : new Refusal(503, 'nobody could be asked', `Nobody could be asked whether ${writeAuthority({ host, port })} may be reached.`);
    } finally {
      session.held -= 1;
    }
  }
  if (verdict.decision === 'deny') throw denied({ host, port }, verdict.rule);
  return { rules, verdict };
}

const denied = (target: Target, rule: string): Refusal =>
  new Refusal(403, rule, `The network policy of this session does not allow ${writeAuthority(target)}: ${rule}.`);
