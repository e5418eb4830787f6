import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { Logger } from 'pino';
import type { SessionInput, SessionRef, SessionSettings } from '../../workflows/contract/activities.js';
import { SEARCH_ATTRIBUTES, SESSION_WORKFLOW, SIGNALS, sessionWorkflowId } from '../../workflows/contract/names.js';

export interface SessionToWake extends SessionRef {
  /** For the operator's eye only. */
  readonly model: string;
}

/** The gateway's and the sweeper's way to session workflows. Every call has a deadline; a lost one is repeated by the sweeper. */
export interface SessionClient {
  /** Starts the session's run, or tells the open one that inputs wait. */
  wake(session: SessionToWake): Promise<void>;
  /** Tells the run that what it does now is overtaken: an interrupt or a kill. */
  stop(session: SessionToWake): Promise<void>;
  ping(): Promise<void>;
  /** Whether a worker asked for work within the last minute. */
  workerPolling(): Promise<boolean>;
  close(): Promise<void>;
}

const CALL_TIMEOUT_MS = 3_000;
const KEYWORDS = {
  workspace: defineSearchAttributeKey(SEARCH_ATTRIBUTES.workspace, 'KEYWORD'),
  model: defineSearchAttributeKey(SEARCH_ATTRIBUTES.model, 'KEYWORD'),
};

export interface SessionClientOptions {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly settings: SessionSettings;
  readonly log: Logger;
}

/** Connects lazily, so that a process starts, and accepts inputs, while Temporal is away. */
export function createSessionClient(options: SessionClientOptions): SessionClient {
  const connection = Connection.lazy({ address: options.address });
  const client = new Client({ connection, namespace: options.namespace });
  const underWay = new Set<Promise<void>>();
  const limited = <T>(call: () => Promise<T>): Promise<T> => {
    const answer = connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, call);
    const settled: Promise<void> = answer.then(
      () => void underWay.delete(settled),
      () => void underWay.delete(settled),
    );
    underWay.add(settled);
    return answer;
  };

  const signal = (session: SessionToWake, name: string): Promise<void> =>
    limited(async () => {
      const input: SessionInput = { sessionId: session.sessionId, workspaceId: session.workspaceId, settings: options.settings };
      await client.workflow.signalWithStart(SESSION_WORKFLOW, {
        workflowId: sessionWorkflowId(session.sessionId),
        taskQueue: options.taskQueue,
        args: [input],
        signal: name,
        signalArgs: [],
        staticSummary: `session ${session.sessionId} · ${session.model}`,
        workflowTaskTimeout: '5s',
        typedSearchAttributes: [
          { key: KEYWORDS.workspace, value: session.workspaceId },
          { key: KEYWORDS.model, value: session.model },
        ],
      });
    });

  return {
    wake: (session) => signal(session, SIGNALS.wake),
    stop: (session) => signal(session, SIGNALS.interrupt),
    ping: () => limited(async () => void (await client.workflowService.describeNamespace({ namespace: options.namespace }))),
    workerPolling: () =>
      limited(async () => {
        const { pollers } = await client.workflowService.describeTaskQueue({
          namespace: options.namespace,
          taskQueue: { name: options.taskQueue },
          taskQueueType: 1,
        });
        return (pollers ?? []).length > 0;
      }),
    async close() {
      // A call that is tried again on a closed connection throws where nobody can catch it.
      await Promise.all(underWay);
      await connection.close();
    },
  };
}
