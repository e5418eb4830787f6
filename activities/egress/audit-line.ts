import type { SessionRef } from '../../workflows/contract/activities.js';
import type { EgressRequest } from '../../workflows/contract/network-records.js';
import type { Audit } from './audit.js';
import type { Target } from './host-name.js';
import type { Verdict } from './policy.js';
import { Refusal } from './refusal.js';

/** The line of one request, filled in while it goes on. */
export interface AuditLine {
  verdict: Verdict;
  status: number | null;
  bytesUp: number;
  bytesDown: number;
  path: string | null;
  credentialIds: readonly string[];
  /** Notes why it failed. A refusal is a decision of its own. */
  fail(error: unknown): void;
  /** Writes the line, unless there is one like it. Once. */
  end(): void;
}

/** Who asks: a sandbox of the session, or Rondo for certain calls of it. */
export interface Asker extends SessionRef, Pick<EgressRequest, 'generation'> {
  readonly toolCallIds?: readonly string[];
}

export interface AuditedRequest {
  readonly protocol: EgressRequest['protocol'];
  readonly target: Target;
  readonly method: string | null;
  readonly path: string | null;
}

const LONGEST_PATH = 2_000;
const LONGEST_ERROR = 500;

export function startLine(audit: Audit, asker: Asker, { protocol, target, method, path }: AuditedRequest): AuditLine {
  const startedAt = new Date();
  const start = performance.now();
  let error: string | null = null;
  let ended = false;
  let isRepeated = false;
  const line: AuditLine = {
    verdict: { decision: 'deny', rule: 'not decided' },
    status: null,
    bytesUp: 0,
    bytesDown: 0,
    path,
    credentialIds: [],
    fail(cause) {
      error ??= (cause instanceof Error ? cause.message : String(cause)).slice(0, LONGEST_ERROR);
      isRepeated ||= cause instanceof Refusal && cause.isRepeated;
      if (cause instanceof Refusal && cause.status < 500) line.verdict = { decision: 'deny', rule: cause.rule };
    },
    end() {
      if (ended) return;
      ended = true;
      if (isRepeated) return;
      const { verdict, status, bytesUp, bytesDown, credentialIds } = line;
      audit.add(asker.workspaceId, {
        sessionId: asker.sessionId,
        generation: asker.generation,
        toolCallIds: asker.toolCallIds ?? null,
        protocol,
        host: target.host,
        port: target.port,
        method,
        path: line.path?.slice(0, LONGEST_PATH) ?? null,
        decision: verdict.decision === 'allow' ? 'allow' : 'deny',
        rule: verdict.rule,
        status,
        bytesUp,
        bytesDown,
        credentialIds,
        error,
        startedAt,
        durationMs: Math.round(performance.now() - start),
      });
    },
  };
  return line;
}
