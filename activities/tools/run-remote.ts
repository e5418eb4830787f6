import type { RunToolInput, RunToolResult, SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import type { AttemptKind, SessionChange, SessionRecord, StoredEvent, ToolCallRecord } from '../../workflows/contract/records.js';
import type { ToolOutcome } from '../../workflows/contract/schema/tool-outcome.js';
import type { ActivityRun } from '../boundary.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import { limitsSources } from '../web/web-settings.js';
import { isWithdrawn } from '../withdrawal.js';
import { type Claim, claimCall, findOpenCall, finishCall, isStopped } from './claim.js';
import { limitResult } from './result-limit.js';

/** A call as whoever runs it must know it: the session's row and log as they were when it was claimed. */
export interface RemoteCall {
  readonly call: ToolCallRecord;
  readonly input: unknown;
  readonly session: SessionRecord;
  /** Empty where nothing depends on what was said before. */
  readonly events: readonly StoredEvent[];
  /** Running it again does no harm. */
  readonly repeatable: boolean;
}

export type RemoteAnswer =
  /** `counts`: requests to the web, for the session's usage. */
  | { readonly kind: 'done'; readonly outcome: ToolOutcome; readonly counts?: { readonly webFetches?: number; readonly webSearches?: number } }
  /** It was sent, and nobody knows what became of it. `message` says why. */
  | { readonly kind: 'unknown'; readonly message: string; readonly timedOut: boolean };

/** One kind of call. Throws the signal's reason when that ends it; whatever the other side does is an answer. */
export type RemoteTool = (call: RemoteCall, signal: AbortSignal) => Promise<RemoteAnswer>;

export interface RemoteCallDependencies {
  readonly store: SessionStore;
  readonly tools: { readonly mcp: RemoteTool; readonly server: RemoteTool };
  /** Puts a text too long for the log into a file of the session's sandbox and answers its path; undefined where it has none. */
  readonly spill: (ref: SessionRef, callId: string, text: string, signal: AbortSignal) => Promise<string | undefined>;
}

/** Times a call is sent that may be repeated, when no answer comes. */
const MAXIMUM_ATTEMPTS = 3;

type Claimed =
  | { readonly kind: 'answered'; readonly result: RunToolResult }
  | { readonly kind: 'claimed'; readonly claim: Claim & RemoteCall; readonly lost: boolean };

/**
 * Runs a call outside of any sandbox, at most once unless it may be repeated: it is claimed before it is sent, and a later
 * attempt that finds a claim without a result sends it again only then. Otherwise it says that the outcome is unknown.
 */
export const createRunRemote =
  (deps: RemoteCallDependencies) =>
  async (input: RunToolInput, run: ActivityRun): Promise<RunToolResult> => {
    if (isStopped(run.signal)) return { kind: 'superseded' };
    run.signal.throwIfAborted();
    const claimed = await deps.store.locked(input, (session) => claimRemote(session, input));
    if (claimed.kind === 'answered') return claimed.result;
    const { claim, lost } = claimed;
    try {
      const answer = lost ? LOST : await perform(deps, claim, run.signal);
      if (answer.kind === 'unknown' && claim.repeatable && claim.attempt < MAXIMUM_ATTEMPTS) throw new RondoError('mcp.failed', answer.message);
      const { outcome, counts } = answer.kind === 'done' ? answer : { outcome: unknownOutcome(answer), counts: undefined };
      const content = await limitResult(outcome.content, (text) => deps.spill(input, input.callId, text, run.signal));
      const change = counts && ((session: LockedSession) => countsOf(session, counts));
      return await finishCall(deps.store, input, claim, { ...outcome, content: [...content] }, { change });
    } catch (error) {
      const errorCode = error instanceof RondoError ? error.code : 'internal';
      await deps.store.endAttempt(input, claim.attemptId, { outcome: isStopped(run.signal) ? 'interrupted' : 'error', errorCode });
      if (isStopped(run.signal)) return { kind: 'superseded' };
      throw error;
    }
  };

async function claimRemote(session: LockedSession, input: RunToolInput): Promise<Claimed> {
  const found = await findOpenCall(session, input);
  if (found.kind === 'answered') return found;
  const { call, before } = found;
  const repeatable = call.kind === 'server' || (await isRepeatable(session, call));
  const claim = await claimCall(session, call, before, kindOf(call));
  const events = call.kind === 'server' && limitsSources(session.record.agent) ? await session.readEvents() : [];
  return { kind: 'claimed', claim: { ...claim, session: session.record, events, repeatable }, lost: before !== undefined && !repeatable };
}

async function isRepeatable(session: LockedSession, { mcpServerName, name }: ToolCallRecord): Promise<boolean> {
  const list = (await session.readMcpTools()).find(({ serverName }) => serverName === mcpServerName);
  return list?.tools.find((tool) => tool.name === name)?.repeatable ?? false;
}

const kindOf = ({ kind, name }: ToolCallRecord): AttemptKind => (kind === 'mcp' ? 'mcp_call' : name === 'web_search' ? 'web_search' : 'web_fetch');

/** A worker that shuts down gives a call that must not be repeated the time it has left, instead of losing its outcome. */
async function perform({ tools }: RemoteCallDependencies, claim: RemoteCall, signal: AbortSignal): Promise<RemoteAnswer> {
  const stop = new AbortController();
  const follow = () => {
    if (claim.repeatable || !isWithdrawn(signal)) stop.abort(signal.reason);
  };
  if (signal.aborted) follow();
  signal.addEventListener('abort', follow);
  try {
    return await (claim.call.kind === 'mcp' ? tools.mcp : tools.server)(claim, stop.signal);
  } finally {
    signal.removeEventListener('abort', follow);
  }
}

const countsOf = ({ record }: LockedSession, { webFetches = 0, webSearches = 0 }: { webFetches?: number; webSearches?: number }): SessionChange => ({
  webFetches: record.webFetches + webFetches,
  webSearches: record.webSearches + webSearches,
});

const LOST: RemoteAnswer = { kind: 'unknown', message: 'The worker that had sent it ended before an answer came.', timedOut: false };

const unknownOutcome = ({ message, timedOut }: { readonly message: string; readonly timedOut: boolean }): ToolOutcome => ({
  status: timedOut ? 'timed_out' : 'lost',
  is_error: true,
  content: [{ type: 'text', text: `The outcome of this call is unknown: it may have run, or not. ${message} Find out what it did before you repeat it.` }],
});
