/** Names two processes agree on. The workflow type is the exported function's name. */
export const SESSION_WORKFLOW = 'sessionWorkflow';

export const JANITOR_WORKFLOW = 'janitorWorkflow';

/** One janitor for each installation, which has a task queue of its own within a namespace. */
export const janitorScheduleId = (taskQueue: string): string => `${taskQueue}-janitor`;

/** One run at a time per session: Temporal serialises runs of one workflow id. */
export const sessionWorkflowId = (sessionId: string): string => `session-${sessionId}`;

export const SIGNALS = { wake: 'wake', interrupt: 'interrupt', approve: 'approve' } as const;
export const UPDATES = { approve: 'approve' } as const;
export const QUERIES = { state: 'state' } as const;

export const SEARCH_ATTRIBUTES = { workspace: 'RondoWorkspace', status: 'RondoStatus', model: 'RondoModel' } as const;

/** Postgres notification channels; payloads are a session id, of `work` an environment id, of `egress` the id of a session, environment or vault, of `workspace` a request's, of `stopCalls` the ids of a session and of calls. */
export const CHANNELS = {
  events: 'rondo_events',
  deltas: 'rondo_deltas',
  stop: 'rondo_stop',
  stopCalls: 'rondo_stop_calls',
  work: 'rondo_work',
  egress: 'rondo_egress',
  workspace: 'rondo_workspace',
} as const;
