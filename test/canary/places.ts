import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import pg from 'pg';
import { sessionWorkflowId } from '../../workflows/contract/names.js';
import type { Platform } from '../support/platform.js';
import type { TemporalView } from '../support/temporal.js';
import { waitFor } from '../support/wait-for.js';
import type { Document } from './secret-forms.js';

/** Every column of every row of every table, as text, past every policy. */
export async function tableDocuments(platform: Platform): Promise<Document[]> {
  const client = new pg.Client({ connectionString: platform.database.ownerUrl });
  await client.connect();
  try {
    const columns = await client.query<{ table_name: string; column_name: string }>(
      `select table_name, column_name from information_schema.columns where table_schema = 'public' order by table_name, ordinal_position`,
    );
    const documents: Document[] = [];
    for (const { table_name: table, column_name: column } of columns.rows) {
      const { rows } = await client.query<{ text: string }>(`select "${column}"::text as text from "${table}" where "${column}" is not null`);
      for (const { text } of rows) documents.push({ place: `table ${table} ${column}`, text }, ...unescaped(`table ${table} ${column}`, text));
    }
    return documents;
  } finally {
    await client.end();
  }
}

/** JSON as the values it stands for, besides the text. */
function unescaped(place: string, text: string): Document[] {
  if (!/^[[{"]/.test(text)) return [];
  try {
    return everyText(JSON.parse(text)).map((value) => ({ place, text: value }));
  } catch {
    return [];
  }
}

/** All that Temporal keeps of sessions: how it lists and describes each run, and its history, decoded and as it is. */
export async function temporalDocuments(temporal: TemporalView, workflowIds: readonly string[]): Promise<Document[]> {
  const documents: Document[] = [];
  for (const workflowId of workflowIds) {
    const listed = await waitFor(`${workflowId} to be listed`, async () => {
      const { executions } = await temporal.connection.workflowService.listWorkflowExecutions({ namespace: 'rondo', query: `WorkflowId = '${workflowId}'` });
      return executions && executions.length > 0 ? executions : undefined;
    });
    for (const info of listed) {
      documents.push(...everyText(info).map((text) => ({ place: `temporal list ${workflowId}`, text })));
      const runId = info.execution?.runId ?? '';
      documents.push(...(await descriptionDocuments(temporal, workflowId, runId)));
      const history = await temporal.client.workflow.getHandle(workflowId, runId).fetchHistory();
      documents.push({ place: `temporal history ${workflowId}`, text: historyToJSON(history) });
      documents.push(...everyText(history).map((text) => ({ place: `temporal history ${workflowId}`, text })));
    }
  }
  return documents;
}

export const sessionWorkflows = (sessionIds: readonly string[]): string[] => sessionIds.map(sessionWorkflowId);

/** A run as the server describes it now: pending activities with heartbeats and last failures, memo, search attributes, user metadata. */
export async function descriptionDocuments(temporal: TemporalView, workflowId: string, runId = ''): Promise<Document[]> {
  const description = await temporal.connection.workflowService.describeWorkflowExecution({ namespace: 'rondo', execution: { workflowId, runId } });
  return everyText(description).map((text) => ({ place: `temporal description ${workflowId}`, text }));
}

/** What a live run answers to an operator: current details and state. */
export async function queryDocuments(temporal: TemporalView, workflowId: string): Promise<Document[]> {
  const workflow = temporal.client.workflow.getHandle(workflowId);
  const answers = [await workflow.query('__temporal_workflow_metadata'), await workflow.query('state')];
  return answers.flatMap(everyText).map((text) => ({ place: `temporal query ${workflowId}`, text }));
}

/** What the programs have written, at the level they run at. */
export const logDocuments = (platform: Platform): Document[] => [
  ...platform.workers.map((worker) => ({ place: 'log worker', text: worker.output() })),
  { place: 'log gateway', text: platform.gateway().output() },
];

/** Every string in a value, and every run of bytes as text. */
function everyText(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('utf8')];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...everyText(inner)]);
}
