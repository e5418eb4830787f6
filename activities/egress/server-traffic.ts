import type { SessionRef } from '../../workflows/contract/activities.js';
import type { EgressTotals } from '../../workflows/contract/network-records.js';
import type { AskPeople } from './ask-people.js';
import type { Audit } from './audit.js';
import { type AuditLine, startLine } from './audit-line.js';
import { parseAuthority, type Target, writeAuthority } from './host-name.js';
import { createMeter, type Meter, type MeterLimits } from './meter.js';
import { decide, type NetworkPolicy, type Verdict } from './policy.js';
import { Refusal } from './refusal.js';
import type { OutgoingLine, OutgoingRequest, ServerTraffic, Traffic } from './traffic.port.js';

/** What holds for the requests that Rondo makes for a session. */
export interface ServerRules {
  /** Undefined where they follow their own domains, as on the wire: then every address is allowed that the address guard lets pass. */
  readonly policy: NetworkPolicy | undefined;
  /** What the session has used so far, its sandboxes included. */
  readonly used: EgressTotals;
}

export interface ServerTrafficParts {
  /** Undefined for a session that is gone, or has ended. Errors: `service.unavailable`. */
  readonly rulesOf: (session: SessionRef) => Promise<ServerRules | undefined>;
  readonly ask: AskPeople;
  readonly audit: Audit;
  readonly limits: MeterLimits;
}

const OWN_DOMAINS: Verdict = { decision: 'allow', rule: 'server_tools own_domains' };

/** The rows are read for every request: there are few, and what people change holds for the next one. */
export function createServerTraffic(parts: ServerTrafficParts): ServerTraffic {
  return {
    of(session, toolCallIds) {
      const asker = { ...session, generation: null, ...(toolCallIds ? { toolCallIds } : {}) };
      const judge = createJudge(parts, session);
      const open = new Set<OutgoingLine>();
      return {
        async admit(url, method, signal) {
          const target = targetOf(url);
          // Only a question is settled here. What is refused is refused, and written down, when it is really asked.
          await judge(target, method, pathOf(url), signal).catch((error: unknown) => {
            if (signal?.aborted || !(error instanceof Refusal)) throw error;
          });
        },
        async begin(url, { method, credentialIds }: OutgoingRequest, signal) {
          const target = targetOf(url);
          const protocol = url.protocol === 'https:' ? 'https' : 'http';
          const line = startLine(parts.audit, asker, { protocol, target, method, path: pathOf(url) });
          try {
            const { verdict, used } = await judge(target, method, pathOf(url), signal);
            const meter = createMeter(used, parts.limits);
            line.verdict = verdict;
            line.credentialIds = credentialIds;
            meter.countRequest();
            const outgoing = countedLine(line, meter, () => open.delete(outgoing));
            open.add(outgoing);
            return outgoing;
          } catch (error) {
            line.fail(error);
            line.end();
            throw error;
          }
        },
        end() {
          for (const line of open) line.end();
        },
      } satisfies Traffic;
    },
  };
}

type Judge = (
  target: Target,
  method: string,
  path: string,
  signal: AbortSignal | undefined,
) => Promise<{ readonly verdict: Verdict; readonly used: EgressTotals }>;

/** What people say, or do not say, holds for all requests of the same call to that host: nobody is asked twice for one thing. */
function createJudge({ rulesOf, ask }: ServerTrafficParts, session: SessionRef): Judge {
  const answers = new Map<string, Promise<Verdict>>();
  return async (target, method, path, signal) => {
    const rules = await rulesOf(session);
    if (!rules) throw new Refusal(403, 'session has ended', 'The session has ended, so nothing is asked for it any more.');
    const { policy, used } = rules;
    if (!policy) return { verdict: OWN_DOMAINS, used };
    let verdict = decide(policy, { ...target, request: { method, path } });
    if (verdict.decision === 'ask') {
      const key = writeAuthority(target);
      const answer = answers.get(key) ?? ask(session, { ...target, method, timeoutMs: policy.askTimeoutMs }, signal ?? new AbortController().signal);
      answers.set(key, answer);
      verdict = await answer;
    }
    if (verdict.decision === 'deny') throw denied(target, verdict.rule);
    return { verdict, used };
  };
}

function countedLine(line: AuditLine, meter: Meter, forget: () => void): OutgoingLine {
  return {
    sent(bytes) {
      line.bytesUp += bytes;
      meter.countBytes(bytes);
    },
    answered(status) {
      line.status = status;
    },
    received(bytes) {
      line.bytesDown += bytes;
      meter.countBytes(bytes);
    },
    end(error) {
      if (error !== undefined) line.fail(error);
      line.end();
      forget();
    },
  };
}

/** The policy speaks of names in their one spelling. */
function targetOf(url: URL): Target {
  const target = parseAuthority(url.host, url.protocol === 'https:' ? 443 : 80);
  if (!target) throw new Refusal(400, 'malformed: no host', `${JSON.stringify(url.host.slice(0, 255))} is no host that Rondo connects to.`);
  return target;
}

const pathOf = (url: URL): string => `${url.pathname}${url.search}`;

const denied = (target: Target, rule: string): Refusal =>
  new Refusal(
    403,
    rule,
    `The network policy of this session does not allow ${writeAuthority(target)}: ${rule}. It holds for server tools, too (server_tools).`,
  );
