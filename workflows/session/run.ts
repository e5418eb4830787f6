import { defineSearchAttributeKey } from '@temporalio/common';
import { type CancellationScope, setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { SessionInput, SessionRef, SessionSettings } from '../contract/activities.js';
import { SEARCH_ATTRIBUTES } from '../contract/names.js';
import { restore } from './carry.js';
import { currentDetails } from './details.js';
import type { SessionState } from './turn.js';

const STATUS = defineSearchAttributeKey(SEARCH_ATTRIBUTES.status, 'KEYWORD');

/** One run of a session's workflow: what its loop and its message handlers share. */
export interface Run {
  readonly ref: SessionRef;
  readonly settings: SessionSettings;
  state: SessionState;
  /** What happened, for an operator; the newest last. */
  lines: readonly string[];
  /** Task queue of the host that was last found to have the session's sandbox; undefined where nobody had to be looked for. */
  host: string | undefined;
  /** What an interrupt cancels. */
  interruptible: CancellationScope | undefined;
  /** As shown outside: running, requires_action, idle, terminated. */
  shown: string;
  /** Temporal was asked to cancel the run: its turn ends, then the run. */
  ended: 'interrupted' | null;
  /** The idle time is up and nothing came: the run ends. */
  closing: boolean;
  /** What became of operators' decisions, by call: undefined where it was taken, otherwise why it changed nothing. */
  readonly verdicts: Map<string, string | undefined>;
}

export function openRun({ sessionId, workspaceId, settings, carry }: SessionInput): Run {
  return {
    ref: { sessionId, workspaceId },
    settings,
    ...restore(carry),
    host: undefined,
    interruptible: undefined,
    shown: '',
    ended: null,
    closing: false,
    verdicts: new Map(),
  };
}

/** Something came that the loop must look at. */
export const somethingCame = ({ state }: Run): boolean => state.wake || state.look || state.end !== null || state.decisions.length > 0;

/** Shows operators where the session stands; costs an event in history only when the status changes. */
export function show(run: Run, status: string): void {
  setCurrentDetails(currentDetails(run.state, status, run.lines));
  if (status === run.shown) return;
  run.shown = status;
  upsertSearchAttributes([{ key: STATUS, value: status }]);
}
