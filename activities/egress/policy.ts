import { hostMatches, isAddress } from './host-name.js';

/** What a session may reach, as one rule. What is absent does not limit. */
export interface HostRule {
  /** A host, or `*.` and a name. */
  readonly host: string;
  readonly ports?: readonly number[];
  /** Upper case. */
  readonly methods?: readonly string[];
  /** A path exactly, or with `*` at its end whatever begins so. Query strings do not count. */
  readonly paths?: readonly string[];
  /** What the audit calls it. */
  readonly name: string;
}

/** A session's way out, put together from its environment, its agent and what people have answered. */
export interface NetworkPolicy {
  /** Whether every public host may be reached; the rules then only name addresses. */
  readonly unrestricted: boolean;
  readonly rules: readonly HostRule[];
  /** Hosts whose TLS is not opened, with an optional port. */
  readonly passthrough: readonly Pick<HostRule, 'host' | 'ports'>[];
  /** What people have answered for the rest of the session. */
  readonly answers: readonly { readonly host: string; readonly port: number; readonly decision: 'allow' | 'deny'; readonly questionId: string }[];
  readonly unknownHosts: 'deny' | 'ask';
  /** How long a request waits for an answer, in milliseconds. */
  readonly askTimeoutMs: number;
}

export interface Destination {
  /** In its one spelling (`canonicalHost`). */
  readonly host: string;
  readonly port: number;
  /** Absent while it is not known yet: a tunnel that is being opened. A rule then counts if some request could pass it. */
  readonly request?: { readonly method: string; readonly path: string };
}

export interface Verdict {
  readonly decision: 'allow' | 'deny' | 'ask';
  /** Which rule decided, for the audit and for whoever reads the refusal. */
  readonly rule: string;
}

/** No request passes. For sessions that nobody knows, and while the database is away. */
export const CLOSED: NetworkPolicy = { unrestricted: false, rules: [], passthrough: [], answers: [], unknownHosts: 'deny', askTimeoutMs: 0 };

/** Decides one request or one tunnel. Pure; what no rule allows is denied or asked about. */
export function decide(policy: NetworkPolicy, destination: Destination): Verdict {
  const { host, port } = destination;
  const ofHost = policy.rules.filter((rule) => hostMatches(rule.host, host) && (rule.ports?.includes(port) ?? true));
  const passing = ofHost.find((rule) => passes(rule, destination.request));
  if (passing) return { decision: 'allow', rule: passing.name };
  if (ofHost.length > 0) return { decision: 'deny', rule: 'method or path is not allowed' };
  if (isAddress(host)) return { decision: 'deny', rule: 'addresses must be named by the policy' };
  if (policy.unrestricted) return { decision: 'allow', rule: 'unrestricted' };
  const answer = policy.answers.find((given) => given.host === host && given.port === port);
  if (answer) return { decision: answer.decision, rule: `answer ${answer.questionId}` };
  return policy.unknownHosts === 'ask' ? { decision: 'ask', rule: 'unknown host' } : { decision: 'deny', rule: 'host is not allowed' };
}

/** Whether TLS to a host goes through unopened. Rules over methods and paths cannot be kept there, so such hosts are opened. */
export function isPassthrough(policy: NetworkPolicy, host: string, port: number): boolean {
  const named = policy.passthrough.some((rule) => hostMatches(rule.host, host) && (rule.ports?.includes(port) ?? true));
  return named && !policy.rules.some((rule) => hostMatches(rule.host, host) && (rule.methods !== undefined || rule.paths !== undefined));
}

function passes({ methods, paths }: HostRule, request: Destination['request']): boolean {
  if (!request) return true;
  if (methods && !methods.includes(request.method)) return false;
  return !paths || (isPlainPath(request.path) && paths.some((path) => pathMatches(path, request.path)));
}

function pathMatches(pattern: string, target: string): boolean {
  const path = target.replace(/[?#].*$/s, '');
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

/** Whether a path means to every server what it says: no dot segments, no empty ones, nothing encoded that could become either. Pure. */
export function isPlainPath(target: string): boolean {
  const path = target.replace(/[?#].*$/s, '');
  return path.startsWith('/') && !/\/\.{0,2}(?=\/)|\/\.{1,2}$|\\|;|%(2e|2f|5c|25|00|3b)/i.test(path);
}
