/** The wire's `stop_reason` of `session.status_idle`. */
export type StopReason =
  | { readonly type: 'end_turn' }
  | { readonly type: 'requires_action'; readonly event_ids: readonly string[] }
  | { readonly type: 'retries_exhausted' }
  | { readonly type: 'budget_reached' }
  | { readonly type: 'refusal' };

/** Why Rondo itself ended a turn: more exact than the wire's stop reason, and what an invocation reports. */
export type EndCause =
  | 'interrupted'
  | 'max_steps'
  | 'repeated_call'
  | 'max_tokens'
  | 'max_seconds'
  | 'model_request_failed'
  | 'model_unavailable'
  | 'sandbox_unavailable'
  | 'sandbox_full'
  | 'internal';

interface EndPolicy {
  readonly stop: 'end_turn' | 'retries_exhausted' | 'budget_reached';
  /** The wire's `session.error` type announced before the idle, if any. */
  readonly error?: 'tool_use_limit_reached_error' | 'model_request_failed_error' | 'model_overloaded_error' | 'unknown_error';
  readonly invocation: 'completed' | 'failed' | 'interrupted';
  readonly message: string;
}

/** How each cause appears on the wire. */
export const END_POLICIES = {
  interrupted: { stop: 'end_turn', invocation: 'interrupted', message: 'The turn was interrupted.' },
  max_steps: {
    stop: 'retries_exhausted',
    error: 'tool_use_limit_reached_error',
    invocation: 'failed',
    message: 'The turn reached its limit of model requests (max_steps). Send a message to go on, or raise the limit.',
  },
  repeated_call: {
    stop: 'retries_exhausted',
    error: 'tool_use_limit_reached_error',
    invocation: 'failed',
    message: 'The model made the same tool call with the same input five times in a row; the turn was ended.',
  },
  max_tokens: { stop: 'budget_reached', invocation: 'failed', message: 'The turn reached its token limit (max_tokens).' },
  max_seconds: { stop: 'budget_reached', invocation: 'failed', message: 'The turn reached its time limit (max_seconds).' },
  model_request_failed: {
    stop: 'retries_exhausted',
    error: 'model_request_failed_error',
    invocation: 'failed',
    message: 'The model provider refused the request.',
  },
  model_unavailable: {
    stop: 'retries_exhausted',
    error: 'model_overloaded_error',
    invocation: 'failed',
    message: 'The model provider could not be reached, repeatedly.',
  },
  sandbox_unavailable: {
    stop: 'retries_exhausted',
    error: 'unknown_error',
    invocation: 'failed',
    message: 'No sandbox could be provided for this session.',
  },
  sandbox_full: {
    stop: 'retries_exhausted',
    error: 'unknown_error',
    invocation: 'failed',
    message: 'All sandbox hosts were full for too long. Try again later; an operator can add a host, or raise RONDO_HOST_SANDBOXES.',
  },
  internal: { stop: 'retries_exhausted', error: 'unknown_error', invocation: 'failed', message: 'The turn failed inside Rondo.' },
} as const satisfies Record<EndCause, EndPolicy>;
