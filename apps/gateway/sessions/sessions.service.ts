import { acceptInputs } from '../../../activities/session/accept-inputs.js';
import { killSession } from '../../../activities/session/kill-session.js';
import { newId } from '../../../infra/ids.js';
import { dropCallOutput } from '../../../infra/postgres/call-output.repo.js';
import { dropDeltas } from '../../../infra/postgres/deltas.repo.js';
import { forgetMcpTools } from '../../../infra/postgres/mcp-tools.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { readSandboxesOf } from '../../../infra/postgres/sandboxes.repo.js';
import { listSessions } from '../../../infra/postgres/session-list.repo.js';
import { readResources, readResourcesOf } from '../../../infra/postgres/session-resources.repo.js';
import { type LockedSession, lockSession, notify } from '../../../infra/postgres/session-store.js';
import { deleteSession, getSession } from '../../../infra/postgres/sessions.repo.js';
import { type Transaction, transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { ModelPrice } from '../../../workflows/contract/list-cost.js';
import { CHANNELS } from '../../../workflows/contract/names.js';
import type { SessionListQuery } from '../../../workflows/contract/schema/list-query.js';
import type { SessionCreate, SessionUpdate } from '../../../workflows/contract/schema/session-create.js';
import { requireEnvironment } from '../environments/environments.service.js';
import { readPage } from '../http/page-cursor.js';
import { agentOf } from './agent-of.js';
import { type CreateSession, refuseUnpricedBudget } from './create-session.js';
import { type SessionWire, seenStatus, toSessionWire } from './session.wire.js';
import { planUpdate } from './update-session.js';
import type { Waker } from './waker.js';

export class SessionsService {
  readonly #pool: Pool;
  readonly #createSession: CreateSession;
  readonly #prices: Readonly<Record<string, ModelPrice>>;
  readonly #waker: Waker;

  constructor(pool: Pool, createSession: CreateSession, prices: Readonly<Record<string, ModelPrice>>, waker: Waker) {
    this.#pool = pool;
    this.#createSession = createSession;
    this.#prices = prices;
    this.#waker = waker;
  }

  async create(workspaceId: string, input: SessionCreate): Promise<SessionWire> {
    const { wire, record, wake } = await transaction(this.#pool, workspaceId, async (tx) => {
      const session = await this.#createSession(tx, {
        ...(await agentOf(tx, input.agent)),
        environment: await requireEnvironment(tx, input.environment_id),
        title: input.title,
        metadata: input.metadata,
        resources: input.resources,
        vaultIds: input.vault_ids,
        budget: input.budget,
        networking: input.networking,
      });
      const inputs = (input.initial_events ?? []).map((event) => ({ id: newId('event'), event }));
      const { wake } = inputs.length > 0 ? await acceptInputs(session, inputs) : { wake: false };
      return { wire: await readWire(tx, session.record.id), record: session.record, wake };
    });
    if (wake) this.#waker.wake(record);
    return wire;
  }

  async retrieve(workspaceId: string, id: string): Promise<SessionWire> {
    return transaction(this.#pool, workspaceId, (tx) => readWire(tx, id));
  }

  async list(workspaceId: string, query: SessionListQuery) {
    const page = readPage(query);
    if (query.deployment_id !== undefined) return page.toWire({ items: [], more: false }, (session: never) => session);
    const filter = {
      agentId: query.agent_id,
      agentVersion: query.agent_version,
      memoryStoreId: query.memory_store_id,
      statuses: query.statuses,
      createdAt: query.created_at,
      includeArchived: query.include_archived,
    };
    const { found, resources, sandboxes } = await transaction(this.#pool, workspaceId, async (tx) => {
      const found = await listSessions(tx, page.request, filter);
      const ids = found.items.map(({ id }) => id);
      return { found, resources: await readResourcesOf(tx, ids), sandboxes: await readSandboxesOf(tx, ids) };
    });
    return page.toWire(found, (session) => toSessionWire(session, resources.get(session.id) ?? [], sandboxes.get(session.id) ?? null));
  }

  /** Changes what a session may change of itself; says so in its log when something changed. Errors: `session.running`, `request.invalid`. */
  async update(workspaceId: string, id: string, input: SessionUpdate): Promise<SessionWire> {
    const { wire, record, wake } = await this.locked(workspaceId, id, async (tx, session) => {
      const { change, event, frees } = planUpdate(session.record, input);
      refuseUnpricedBudget(change.budget ?? null, session.record.agent.model.id, this.#prices);
      let wake = false;
      if (Object.keys(change).length > 0) {
        await session.update(change);
        await session.append([{ type: 'session.updated', body: event }]);
        // A server of the same name may be another one now; a turn that is under way asks them again.
        if (change.agent) await forgetMcpTools(tx, id);
        wake = frees && (await hasWork(session)) && (await session.requestWake());
      }
      return { wire: await readWire(tx, id), record: session.record, wake };
    });
    if (wake) this.#waker.wake(record);
    return wire;
  }

  /** Ends an idle session for good and hides it from the list. Errors: `session.running`. */
  async archive(workspaceId: string, id: string): Promise<SessionWire> {
    const { wire, record, mustTell } = await this.locked(workspaceId, id, async (tx, session) => {
      refuseRunning(session, 'archived');
      const mustTell = await endSession(session);
      if (!session.record.archivedAt) await session.update({ archivedAt: new Date() });
      return { wire: await readWire(tx, id), record: session.record, mustTell };
    });
    if (mustTell) this.#waker.stop(record);
    return wire;
  }

  /** Removes an idle session and its events; a worker removes its sandbox. Errors: `session.running`. */
  async remove(workspaceId: string, id: string): Promise<{ id: string; type: 'session_deleted' }> {
    const { record } = await transaction(this.#pool, workspaceId, async (tx) => {
      const session = await lockSession(tx, id, 'remove');
      refuseRunning(session, 'deleted');
      await dropDeltas(tx, id, 'all');
      await dropCallOutput(tx, id);
      await deleteSession(tx, id);
      await notify(tx, CHANNELS.events, id);
      return session;
    });
    // A run that waits for an action has no time of its own at which it would look.
    if (record.stopReason?.type === 'requires_action') this.#waker.stop(record);
    return { id, type: 'session_deleted' };
  }

  /** Ends a session for good whatever it does: the row and the fence now, the running work right after. */
  async kill(workspaceId: string, id: string): Promise<SessionWire> {
    const { wire, record, mustTell } = await this.locked(workspaceId, id, async (tx, session) => {
      const mustTell = await endSession(session);
      await notify(tx, CHANNELS.stop, id);
      return { wire: await readWire(tx, id), record: session.record, mustTell };
    });
    if (mustTell) this.#waker.stop(record);
    return wire;
  }

  private locked<T>(workspaceId: string, id: string, work: (tx: Transaction, session: LockedSession) => Promise<T>): Promise<T> {
    return transaction(this.#pool, workspaceId, async (tx) => work(tx, await lockSession(tx, id)));
  }
}

/**
 * Ends a session in its rows, whatever it does. Answers whether its run must be told; until that has looked, a worker's sweep
 * repeats a word that got lost.
 */
async function endSession(session: LockedSession): Promise<boolean> {
  const { status, turn, wakeNeeded } = session.record;
  if (status === 'terminated') return false;
  await killSession(session);
  const mustTell = turn > 0 || wakeNeeded;
  if (mustTell) await session.requestWake();
  return mustTell;
}

async function readWire(tx: Transaction, id: string): Promise<SessionWire> {
  const sandboxes = await readSandboxesOf(tx, [id]);
  return toSessionWire(await getSession(tx, id), await readResources(tx, id), sandboxes.get(id) ?? null);
}

/** Whether the model owes an answer, or an input waits for it. */
const hasWork = async ({ record, readInbox }: LockedSession): Promise<boolean> => record.modelDue || (await readInbox()).length > 0;

function refuseRunning(session: LockedSession, verb: 'archived' | 'deleted'): void {
  const status = seenStatus(session.record);
  if (status === 'idle' || status === 'terminated') return;
  throw new RondoError(
    'session.running',
    `Session ${session.record.id} is ${status} and cannot be ${verb}; send user.interrupt and wait for idle, or POST /v1/sessions/${session.record.id}/kill.`,
  );
}
