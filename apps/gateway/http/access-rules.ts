import type { Principal } from './principal.js';

/** Credentials that are narrower than a workspace's API key, which may do everything. */
export type NarrowPrincipal = Exclude<Principal, { type: 'api_key' }>;

export interface AccessRule {
  readonly method: 'GET' | 'POST';
  /** Path with `:name` for an id. */
  readonly path: string;
  readonly allowed: readonly NarrowPrincipal['type'][];
  /** Also for a session token that has lost its lease: the route itself answers what became of the item. */
  readonly withoutLease?: true;
  /** Inputs it may send; the rest is for people and clients. */
  readonly inputs?: readonly string[];
}

const KEY = ['environment_key'] as const;
const BOTH = ['environment_key', 'session_token'] as const;
const ENVIRONMENT = '/v1/environments/:environment_id';
const SESSION = '/v1/sessions/:session_id';

/** A worker runs what a model asked for: it may answer calls, and neither approve them nor speak as the user. */
const RESULTS = ['user.tool_result', 'user.custom_tool_result'] as const;

/** Everything a narrower credential may do; what is not here is refused. Ids in the path must be its own (wire sections 2.1, 13.2). */
const ACCESS_RULES: readonly AccessRule[] = [
  { method: 'GET', path: `${ENVIRONMENT}/work`, allowed: KEY },
  { method: 'GET', path: `${ENVIRONMENT}/work/poll`, allowed: KEY },
  { method: 'GET', path: `${ENVIRONMENT}/work/stats`, allowed: KEY },
  { method: 'POST', path: `${ENVIRONMENT}/work/:work_id/ack`, allowed: BOTH, withoutLease: true },
  { method: 'POST', path: `${ENVIRONMENT}/work/:work_id/heartbeat`, allowed: BOTH, withoutLease: true },
  { method: 'POST', path: `${ENVIRONMENT}/work/:work_id/stop`, allowed: BOTH, withoutLease: true },
  { method: 'GET', path: SESSION, allowed: BOTH },
  { method: 'GET', path: `${SESSION}/events`, allowed: BOTH },
  { method: 'GET', path: `${SESSION}/events/stream`, allowed: BOTH },
  { method: 'POST', path: `${SESSION}/events`, allowed: BOTH, inputs: RESULTS },
  { method: 'GET', path: '/v1/skills/:skill_id', allowed: BOTH },
  { method: 'GET', path: '/v1/skills/:skill_id/versions/:version', allowed: BOTH },
  { method: 'GET', path: '/v1/skills/:skill_id/versions/:version/content', allowed: BOTH },
  { method: 'GET', path: '/v1/files/:file_id', allowed: BOTH },
  { method: 'GET', path: '/v1/files/:file_id/content', allowed: BOTH },
];

export interface AccessMatch {
  readonly rule: AccessRule;
  /** The ids in the path, by name. */
  readonly ids: Readonly<Record<string, string>>;
}

/** The rule of a request. Only paths as the SDK writes them match: no escapes, no other case, no slash at the end. Pure. */
export function findAccessRule(method: string, path: string): AccessMatch | undefined {
  const parts = path.split('/');
  const matches = ACCESS_RULES.flatMap((rule) => {
    const ids = rule.method === method ? matchPath(rule.path.split('/'), parts) : undefined;
    return ids ? [{ rule, ids }] : [];
  });
  // A literal path wins over one with an id in the same place.
  return matches.toSorted((left, right) => Object.keys(left.ids).length - Object.keys(right.ids).length)[0];
}

function matchPath(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined;
  const ids: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const part = parts[index] ?? '';
    if (expected.startsWith(':')) {
      if (!/^[\w-]{1,100}$/.test(part)) return undefined;
      ids[expected.slice(1)] = part;
    } else if (part !== expected) return undefined;
  }
  return ids;
}
