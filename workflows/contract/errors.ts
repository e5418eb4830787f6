/** The wire's `error.type` values (managed-agents-wire section 0.4). */
export type WireErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'not_found_error'
  | 'request_too_large'
  | 'rate_limit_error'
  | 'timeout_error'
  | 'api_error'
  | 'overloaded_error';

interface ErrorPolicy {
  /** HTTP status when it reaches a caller. */
  readonly http: number;
  readonly type: WireErrorType;
  /** What a Temporal activity does with it. */
  readonly retry: 'never' | 'backoff';
  /** Whether the message may be shown to a caller; otherwise a generic sentence is sent. */
  readonly public: boolean;
}

const caller = (http: number, type: WireErrorType = 'invalid_request_error'): ErrorPolicy => ({
  http,
  type,
  retry: 'never',
  public: true,
});

/** Every error Rondo raises on purpose: one row each, whatever its cause. */
export const ERRORS = {
  'request.invalid': caller(400),
  'request.too_large': caller(413, 'request_too_large'),
  'request.unsupported_media_type': caller(415),
  'request.headers_too_large': caller(431),
  'request.timed_out': caller(408, 'timeout_error'),
  'request.range_not_satisfiable': caller(416),
  'request.unauthenticated': caller(401, 'authentication_error'),
  'request.forbidden': caller(403, 'permission_error'),
  'request.not_found': caller(404, 'not_found_error'),
  'request.not_implemented': caller(501, 'api_error'),
  'request.conflict': caller(409),
  'idempotency.mismatch': caller(409),
  'agent.not_found': caller(404, 'not_found_error'),
  'agent.archived': caller(400),
  'agent.version_conflict': caller(409),
  'environment.not_found': caller(404, 'not_found_error'),
  'environment.archived': caller(400),
  'environment.in_use': caller(409),
  'file.not_found': caller(404, 'not_found_error'),
  'file.expired': caller(404, 'not_found_error'),
  'skill.not_found': caller(404, 'not_found_error'),
  'skill.invalid': caller(400),
  'vault.not_found': caller(404, 'not_found_error'),
  'vault.archived': caller(400),
  'credential.not_found': caller(404, 'not_found_error'),
  'credential.archived': caller(400),
  'resource.not_found': caller(404, 'not_found_error'),
  'thread.not_found': caller(404, 'not_found_error'),
  'work.not_found': caller(404, 'not_found_error'),
  'work.conflict': caller(409),
  'work.heartbeat_precondition_failed': caller(412),
  'session.not_found': caller(404, 'not_found_error'),
  'session.terminated': caller(409),
  'session.running': caller(400),
  'session.budget_reached': caller(400),
  'invocation.not_found': caller(404, 'not_found_error'),
  'tool_call.not_found': caller(400),
  'tool_call.already_answered': caller(400),
  'tool_call.not_waiting': caller(400),
  'request.rate_limited': caller(429, 'rate_limit_error'),
  'mcp.failed': { http: 502, type: 'api_error', retry: 'backoff', public: true },
  'address.refused': caller(400),
  'address.unreachable': { http: 502, type: 'api_error', retry: 'backoff', public: true },
  'secret.unreadable': { http: 500, type: 'api_error', retry: 'never', public: false },
  'model.unknown': caller(400),
  'model.request_failed': { http: 502, type: 'api_error', retry: 'never', public: true },
  'model.rate_limited': { http: 503, type: 'overloaded_error', retry: 'backoff', public: true },
  'model.overloaded': { http: 503, type: 'overloaded_error', retry: 'backoff', public: true },
  'model.unavailable': { http: 503, type: 'api_error', retry: 'backoff', public: true },
  'model.stalled': { http: 504, type: 'timeout_error', retry: 'backoff', public: true },
  'sandbox.unavailable': { http: 503, type: 'api_error', retry: 'never', public: true },
  'sandbox.failed': { http: 503, type: 'api_error', retry: 'backoff', public: true },
  'sandbox.file_refused': caller(400),
  'sandbox.image_failed': { http: 503, type: 'api_error', retry: 'never', public: true },
  'sandbox.full': { http: 503, type: 'api_error', retry: 'never', public: true },
  'sandbox.elsewhere': { http: 503, type: 'api_error', retry: 'never', public: false },
  'sandbox.gone': { http: 503, type: 'api_error', retry: 'never', public: true },
  'checkpoint.broken': { http: 503, type: 'api_error', retry: 'never', public: true },
  'service.unavailable': { http: 503, type: 'api_error', retry: 'backoff', public: true },
  'step.superseded': { http: 409, type: 'api_error', retry: 'never', public: false },
  internal: { http: 500, type: 'api_error', retry: 'backoff', public: false },
} as const satisfies Record<string, ErrorPolicy>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorOptionsExtra {
  readonly cause?: unknown;
  /** Milliseconds to wait before the next try, as the other side asked (`Retry-After`). */
  readonly retryAfterMs?: number;
  /** The wire's `details`, for example `{ error_code: 'environment_archived' }`. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An error raised on purpose. The message says what happened, to which id, and what to do. */
export class RondoError extends Error {
  override readonly name = 'RondoError';
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptionsExtra = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
  }
}
