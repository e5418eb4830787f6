import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { sessionWorkflowId } from '../../workflows/contract/names.js';
import { waitFor } from './wait-for.js';

const NAMESPACE = 'rondo';

/** One run of a workflow, as Temporal keeps it: a history in the JSON form that replay reads. */
export interface RecordedRun {
  readonly runId: string;
  readonly history: RecordedHistory;
}

export interface RecordedHistory {
  readonly events: readonly RecordedEvent[];
}

/** An event in JSON: its id, its type, and one group of attributes named after the type. */
export interface RecordedEvent {
  readonly eventId: string;
  readonly eventType: string;
  readonly [attributes: string]: unknown;
}

export type TemporalView = Awaited<ReturnType<typeof connectTemporal>>;

/** Temporal as an operator sees it: past the platform, with the SDK's own client. */
export async function connectTemporal(platform: { readonly temporalAddress: string }) {
  const connection = await Connection.connect({ address: platform.temporalAddress });
  const client = new Client({ connection, namespace: NAMESPACE });
  const workflowOf = (sessionId: string) => client.workflow.getHandle(sessionWorkflowId(sessionId));

  const read = async (workflowId: string, runId: string): Promise<RecordedRun> => ({
    runId,
    history: JSON.parse(historyToJSON(await client.workflow.getHandle(workflowId, runId).fetchHistory())) as RecordedHistory,
  });

  return {
    client,
    connection,
    workflowOf,
    read,
    currentRun: async (sessionId: string): Promise<string> => (await workflowOf(sessionId).describe()).runId,
    /** The newest run of a session and those it continues, oldest first, once the newest has closed. */
    async closedRuns(sessionId: string): Promise<RecordedRun[]> {
      const workflow = workflowOf(sessionId);
      const closed = await waitFor(`the run of ${sessionId} to close`, async () => {
        const seen = await workflow.describe();
        return seen.status.name === 'RUNNING' ? undefined : seen;
      });
      const runs: RecordedRun[] = [];
      for (let runId = closed.raw.workflowExecutionInfo?.firstRunId ?? closed.runId; runId; ) {
        const run = await read(sessionWorkflowId(sessionId), runId);
        runs.push(run);
        runId = successorOf(run.history) ?? '';
      }
      return runs;
    },
    close: () => connection.close(),
  };
}

function successorOf({ events }: RecordedHistory): string | undefined {
  const attributes = events.at(-1)?.['workflowExecutionContinuedAsNewEventAttributes'] as { newExecutionRunId?: string } | undefined;
  return attributes?.newExecutionRunId;
}
