import type { SessionRef } from '../../workflows/contract/activities.js';
import type { NewOutput, TakenOutput } from '../../workflows/contract/file-records.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import type {
  AttemptEnd,
  Decision,
  InboxItem,
  JsonObject,
  McpToolList,
  NewAttempt,
  NewEvent,
  NewToolCall,
  SessionChange,
} from '../../workflows/contract/records.js';
import * as attempts from './attempts.repo.js';
import * as callOutput from './call-output.repo.js';
import * as checkpoints from './checkpoints.repo.js';
import * as deltas from './deltas.repo.js';
import * as effects from './effects.repo.js';
import * as images from './environment-images.repo.js';
import * as events from './events.repo.js';
import * as files from './files.repo.js';
import * as invocations from './invocations.repo.js';
import { toJsonb } from './json.js';
import * as mcpTools from './mcp-tools.repo.js';
import { readNetworkAccess } from './network-access.repo.js';
import * as questions from './network-questions.repo.js';
import type { Db, Pool } from './pool.js';
import * as members from './pool-members.repo.js';
import * as mounts from './resource-mounts.repo.js';
import * as sandboxes from './sandboxes.repo.js';
import { readResources } from './session-resources.repo.js';
import * as sessions from './sessions.repo.js';
import * as outputs from './taken-outputs.repo.js';
import * as toolCalls from './tool-calls.repo.js';
import { type Transaction, transaction } from './transaction.js';
import * as work from './work.repo.js';
import * as workQueue from './work-queue.repo.js';

/** Sessions in Postgres; what each method promises is written at the port (activities/session/store.port.ts). */
export function createSessionStore(pool: Pool) {
  return {
    locked: <T>(ref: SessionRef, work: (session: LockedSession) => Promise<T>): Promise<T> =>
      transaction(pool, ref.workspaceId, async (tx) => work(await lockSession(tx, ref.sessionId))),

    publishDeltas: (
      ref: SessionRef,
      pieces: readonly { eventId: string; eventType: string; attempt: number; block: number; text: string }[],
      fence: number,
    ): Promise<void> =>
      transaction(pool, ref.workspaceId, async (tx) => {
        await tx.query({
          name: 'publish_deltas',
          text: `insert into deltas (session_id, workspace_id, event_id, event_type, attempt, block, text)
            select $1, $2, item->>'eventId', item->>'eventType', (item->>'attempt')::integer, (item->>'block')::integer, item->>'text'
            from jsonb_array_elements($3::jsonb) as item where exists (select 1 from sessions where id = $1 and fence = $4)`,
          values: [ref.sessionId, ref.workspaceId, toJsonb(pieces), fence],
        });
        await notify(tx, CHANNELS.deltas, ref.sessionId);
      }),

    publishCallOutput: (ref: SessionRef, output: Parameters<typeof callOutput.addCallOutput>[2]): Promise<void> =>
      transaction(pool, ref.workspaceId, async (tx) => {
        if (await callOutput.addCallOutput(tx, ref.sessionId, output)) await notify(tx, CHANNELS.deltas, ref.sessionId);
      }),
    endOfCallOutput: (ref: SessionRef, callId: string): Promise<number> =>
      transaction(pool, ref.workspaceId, (tx) => callOutput.endOfCallOutput(tx, ref.sessionId, callId)),

    endAttempt: (ref: SessionRef, attemptId: string, end: AttemptEnd): Promise<void> =>
      transaction(pool, ref.workspaceId, (tx) => attempts.endAttempts(tx, [attemptId], end)),

    findImage: (ref: SessionRef, hostId: string) => transaction(pool, ref.workspaceId, (tx) => images.findSessionImage(tx, ref.sessionId, hostId)),
    lastKept: (ref: SessionRef) =>
      transaction(pool, ref.workspaceId, async (tx) => ({
        checkpoint: await checkpoints.findCheckpoint(tx, ref.sessionId),
        lastUsed: await checkpoints.lastGenerationsUsed(tx, ref.sessionId),
      })),
    dueMounts: (ref: SessionRef, generation: number) => transaction(pool, ref.workspaceId, (tx) => mounts.dueMounts(tx, ref.sessionId, generation)),
    renewMounts: (ref: SessionRef, held: Parameters<typeof mounts.renewMounts>[2]) =>
      transaction(pool, ref.workspaceId, (tx) => mounts.renewMounts(tx, ref.sessionId, held)),
    takenOutputs: (ref: SessionRef) => transaction(pool, ref.workspaceId, (tx) => outputs.takenOutputs(tx, ref.sessionId)),
  };
}

const LONGEST_COMMAND = 1_000;

const commandOf = (input: unknown): string | undefined =>
  typeof input === 'object' && input !== null && 'command' in input && typeof input.command === 'string' ? input.command : undefined;

export type LockedSession = Awaited<ReturnType<typeof lockSession>>;

/** Tells listeners, at commit, that rows of this session (or, of `CHANNELS.work`, this environment) changed. */
export async function notify(db: Db, channel: string, payload: string): Promise<void> {
  await db.query({ name: 'notify', text: 'select pg_notify($1, $2)', values: [channel, payload] });
}

/** Locks a session within a transaction and gives the operations that need the lock. */
export async function lockSession(tx: Transaction, id: string, lock?: Parameters<typeof sessions.lockSession>[2]) {
  let record = await sessions.lockSession(tx, id, lock);
  let announced = false;

  const announce = async () => {
    if (announced) return;
    announced = true;
    await notify(tx, CHANNELS.events, id);
  };

  const append = async (added: readonly NewEvent[]) => {
    const stored = await events.appendEvents(tx, id, added);
    record = { ...record, lastSeq: stored.at(-1)?.seq ?? record.lastSeq };
    await announce();
    const announcedAhead = added.flatMap((event) => (event.id && event.type.startsWith('agent.') ? [event.id] : []));
    const requestEnded = added.some(({ type }) => type === 'span.model_request_end');
    if (announcedAhead.length > 0 || requestEnded) await deltas.dropDeltas(tx, id, requestEnded ? 'all' : announcedAhead);
    return stored;
  };

  return {
    get record() {
      return record;
    },
    async update(change: SessionChange) {
      record = await sessions.updateSession(tx, id, change);
      await announce();
    },
    append,
    readEvents: () => events.readEvents(tx, id),
    findEvent: (eventId: string) => events.findEvent(tx, id, eventId),

    async putInbox(inputs: readonly { id: string; type: string; body: JsonObject }[]) {
      await events.insertInbox(tx, id, inputs);
      await announce();
      return { wake: await sessions.setWakeNeeded(tx, id) };
    },
    readInbox: () => events.readInbox(tx, id),
    async takeInbox(items: readonly InboxItem[]) {
      if (items.length === 0) return [];
      await events.deleteInbox(
        tx,
        id,
        items.map((item) => item.id),
      );
      return append(items.map(({ id: eventId, type, body }) => ({ id: eventId, type, body })));
    },
    /** Marks that the loop must look though no input came; answers whether the workflow must be woken after the commit. */
    requestWake: () => sessions.setWakeNeeded(tx, id),
    clearWake: () => sessions.clearWakeNeeded(tx, id),

    addToolCalls: (calls: readonly NewToolCall[]) => toolCalls.insertToolCalls(tx, id, calls),
    findToolCall: (callId: string) => toolCalls.findToolCall(tx, id, callId),
    openToolCalls: () => toolCalls.openToolCalls(tx, id),
    decide: (callId: string, decision: Decision) => toolCalls.decideToolCall(tx, callId, decision),
    answerToolCall: (callId: string) => toolCalls.answerToolCall(tx, callId),
    finishToolCall: (callId: string) => toolCalls.finishToolCall(tx, callId),
    findFile: (fileId: string) => files.findFile(tx, fileId),
    readMcpTools: () => mcpTools.readMcpTools(tx, id),
    saveMcpTools: (lists: readonly McpToolList[]) => mcpTools.saveMcpTools(tx, id, lists),

    async callWorker({ afterMs = 0 }: { readonly afterMs?: number } = {}) {
      if (record.environmentType !== 'self_hosted' || record.status === 'terminated') return;
      const { environmentId } = record;
      if (await work.insertWork(tx, { sessionId: id, environmentId, afterMs })) await notify(tx, CHANNELS.work, environmentId);
    },
    lockWork: (workId: string) => work.lockWork(tx, workId),
    stopWork: (workId: string) => work.stopWork(tx, workId),
    async offerWorkAgain(workId: string) {
      await work.offerWorkAgain(tx, workId);
      await notify(tx, CHANNELS.work, record.environmentId);
    },
    workerLossPolicy: () => workQueue.readWorkerLossPolicy(tx, record.environmentId),

    /** The question whether the session may reach a host: asked in the log, unless the same one is open already. Undefined when too many are. */
    async askNetworkQuestion(asked: Parameters<typeof questions.openQuestion>[2]) {
      const opened = await questions.openQuestion(tx, id, asked);
      if (!opened?.isNew) return opened?.question;
      const { question } = opened;
      const calls = await toolCalls.openToolCalls(tx, id);
      const { host, port, method, expiresAt } = question;
      const shell = calls.findLast((call) => call.kind === 'sandbox' && call.name === 'bash');
      const input = shell && (await events.findEvent(tx, id, shell.id))?.body['input'];
      const body = {
        host,
        port,
        method,
        tool_use_ids: calls.map((call) => call.id),
        // What the model wants to run is no proof of which program asks.
        untrusted_command: commandOf(input)?.slice(0, LONGEST_COMMAND) ?? null,
        expires_at: expiresAt.toISOString(),
      };
      await append([{ id: question.id, type: 'rondo.network_confirmation_required', body }]);
      return question;
    },
    answerNetworkQuestion: (questionId: string, answer: questions.QuestionAnswer) => questions.answerQuestion(tx, id, questionId, answer),

    unsealedEffects: (prefix: string) => effects.unsealedEffects(tx, id, prefix),
    findEffect: (key: string) => effects.findEffect(tx, id, key),
    claimEffect: (claim: { key: string; attempt: number; startEventId?: string }) => effects.claimEffect(tx, id, claim),
    bindGeneration: (key: string, generation: number) => effects.bindGeneration(tx, id, key, generation),
    async sealEffect(key: string, result: unknown) {
      await effects.sealEffect(tx, id, key, result);
      // Behind the seal: a piece that was being written then is there now.
      await callOutput.dropCallOutput(tx, id, key);
    },

    startAttempts: (started: readonly NewAttempt[]) => attempts.insertAttempts(tx, id, started),
    endAttempts: (attemptIds: readonly string[], end: AttemptEnd) => attempts.endAttempts(tx, attemptIds, end),
    async startAttempt(attempt: NewAttempt) {
      const [attemptId = ''] = await attempts.insertAttempts(tx, id, [attempt]);
      return attemptId;
    },
    endAttempt: (attemptId: string, end: AttemptEnd) => attempts.endAttempts(tx, [attemptId], end),
    attemptsOf: (key: string) => attempts.attemptsOfKey(tx, id, key),

    findSandbox: () => sandboxes.findSandbox(tx, id),
    saveSandbox: (sandbox: Parameters<typeof sandboxes.saveSandbox>[2]) => sandboxes.saveSandbox(tx, id, sandbox),
    placesFor: (hostId: string) => sandboxes.placesFor(tx, id, hostId),
    forgetImage: (hostId: string) => images.forgetSessionImage(tx, id, hostId),
    claimPoolMember: (of: Parameters<typeof members.claimMember>[1]) => members.claimMember(tx, of),
    findCheckpoint: () => checkpoints.findCheckpoint(tx, id),
    saveCheckpoint: (checkpoint: Parameters<typeof checkpoints.saveCheckpoint>[2]) => checkpoints.saveCheckpoint(tx, id, checkpoint),
    readLoss: () => checkpoints.readLoss(tx, id),
    writeLoss: (loss: Parameters<typeof checkpoints.writeLoss>[2]) => checkpoints.writeLoss(tx, id, loss),
    noteFileSent: (generation: number) => checkpoints.noteFileSent(tx, id, generation),
    claimMounts: (claim: Parameters<typeof mounts.claimMounts>[2]) => mounts.claimMounts(tx, id, claim),
    endMounts: (end: Parameters<typeof mounts.endMounts>[2]) => mounts.endMounts(tx, id, end),
    readResources: () => readResources(tx, id),
    readNetworkAccess: () => readNetworkAccess(tx, id),
    saveOutput: (seen: TakenOutput, output: NewOutput) => outputs.saveOutput(tx, id, seen, output),

    startInvocations: (inputEventIds: readonly string[]) => invocations.startInvocations(tx, id, inputEventIds),
    moveInvocations: (to: Parameters<typeof invocations.moveInvocations>[2]) => invocations.moveInvocations(tx, id, to),
  };
}
