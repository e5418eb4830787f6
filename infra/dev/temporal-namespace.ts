import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { SearchAttributeType } from '@temporalio/common';
import { encodeSearchAttributeIndexedValueType } from '@temporalio/common/lib/search-attributes.js';
import { msToTs } from '@temporalio/common/lib/time.js';

const LEAST_RETENTION_SECONDS = 7 * 86_400;
const RETENTION = msToTs('7 days');
const TIMEOUT_MS = 5_000;
const SETTLE_MS = 60_000;
const SETTLE_STEP_MS = 250;
const GRPC_NOT_FOUND = 5;
const GRPC_ALREADY_EXISTS = 6;

/** What a session's workflow can be found by in Temporal; all of them keywords. */
export const SEARCH_ATTRIBUTES = ['RondoWorkspace', 'RondoStatus', 'RondoModel'] as const;

/**
 * Brings a Temporal namespace into the state Rondo needs: it exists, keeps closed workflows for at least seven days, and knows our
 * search attributes. Safe to repeat. Rejects when the server does not answer within five seconds. A new namespace takes longer: the
 * server's parts learn of it some seconds after it was made.
 */
export async function ensureNamespace(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: TIMEOUT_MS });
  try {
    await connection.withDeadline(Date.now() + TIMEOUT_MS, () => ensureRetention(connection, namespace));
    const until = Date.now() + SETTLE_MS;
    while (!(await connection.withDeadline(Date.now() + TIMEOUT_MS, () => ensureSearchAttributes(connection, namespace)))) {
      if (Date.now() > until) throw new Error(`The Temporal server has made the namespace ${namespace} and still does not know it.`);
      await delay(SETTLE_STEP_MS);
    }
  } finally {
    await connection.close();
  }
}

/** Resolves when a Temporal server answers at that address, within five seconds; rejects otherwise. */
export async function pingTemporal(address: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: TIMEOUT_MS });
  await connection.close();
}

async function ensureRetention({ workflowService }: Connection, namespace: string): Promise<void> {
  const found = await workflowService.describeNamespace({ namespace }).catch(unless(GRPC_NOT_FOUND));
  const retention = found?.config?.workflowExecutionRetentionTtl?.seconds?.toNumber() ?? 0;
  if (!found) {
    await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: RETENTION }).catch(unless(GRPC_ALREADY_EXISTS));
  } else if (retention < LEAST_RETENTION_SECONDS) {
    await workflowService.updateNamespace({ namespace, config: { workflowExecutionRetentionTtl: RETENTION } });
  }
}

/** False while the server does not know the namespace yet. */
async function ensureSearchAttributes({ operatorService }: Connection, namespace: string): Promise<boolean> {
  const known = await operatorService.listSearchAttributes({ namespace }).catch(unless(GRPC_NOT_FOUND));
  if (!known) return false;
  const missing = SEARCH_ATTRIBUTES.filter((name) => !(name in known.customAttributes));
  if (missing.length === 0) return true;
  const keyword = encodeSearchAttributeIndexedValueType(SearchAttributeType.KEYWORD);
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, keyword ?? 0]));
  await operatorService.addSearchAttributes({ namespace, searchAttributes }).catch(unless(GRPC_ALREADY_EXISTS));
  return true;
}

/** A catch that takes one gRPC status for an answer of "nothing". */
const unless =
  (code: number) =>
  (error: unknown): undefined => {
    if (error instanceof Error && 'code' in error && error.code === code) return undefined;
    throw error;
  };
