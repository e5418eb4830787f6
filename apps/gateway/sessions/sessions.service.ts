import { acceptInputs } from '../../../activities/session/accept-inputs.js';
import { killSession } from '../../../activities/session/kill-session.js';
import { newId } from '../../../infra/ids.js';
import { dropDeltas } from '../../../infra/postgres/deltas.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { listSessions } from '../../../infra/postgres/session-list.repo.js';
import { type LockedSession, lockSession, notify } from '../../../infra/postgres/session-store.js';
import { deleteSession, getSession } from '../../../infra/postgres/sessions.repo.js';
import { type Transaction, transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import { CHANNELS } from '../../../workflows/contract/names.js';
import type { SessionListQuery } from '../../../workflows/contract/schema/list-query.js';
import type { SessionCreate } from '../../../workflows/contract/schema/session-create.js';
import { requireAgent } from '../agents/agents.service.js';
import type { CheckModel } from '../agents/known-model.js';
import { requireEnvironment } from '../environments/environments.service.js';
import { readPage } from '../http/page-cursor.js';
import { createSession } from './create-session.js';
import { type SessionWire, seenStatus, toSessionWire } from './session.wire.js';
import type { Waker } from './waker.js';

export class SessionsService {
  readonly #pool: Pool;
  readonly #checkModel: CheckModel;
  readonly #waker: Waker;

  constructor(pool: Pool, checkModel: CheckModel, waker: Waker) {
    this.#pool = pool;
    this.#checkModel = checkModel;
    this.#waker = waker;
  }

  async create(workspaceId: string, input: SessionCreate): Promise<SessionWire> {
    const wanted = typeof input.agent === 'string' ? { id: input.agent, version: undefined } : input.agent;
    const { session, wake } = await transaction(this.#pool, workspaceId, async (tx) => {
      const agent = await requireAgent(tx, wanted.id, wanted.version);
      this.#checkModel(agent.definition.model.id);
      const environment = await requireEnvironment(tx, input.environment_id);
      const locked = await createSession(tx, { agent, environment, title: input.title ?? null, metadata: input.metadata ?? {}, limits: {} });
      const inputs = (input.initial_events ?? []).map((event) => ({ id: newId('event'), event }));
      const accepted = inputs.length > 0 ? await acceptInputs(locked, inputs) : { wake: false };
      return { session: await getSession(tx, locked.record.id), wake: accepted.wake };
    });
    if (wake) this.#waker.wake(session);
    return toSessionWire(session);
  }

  async retrieve(workspaceId: string, id: string): Promise<SessionWire> {
    return toSessionWire(await transaction(this.#pool, workspaceId, (tx) => getSession(tx, id)));
  }

  async list(workspaceId: string, query: SessionListQuery) {
    const page = readPage(query);
    if (query.deployment_id !== undefined || query.memory_store_id !== undefined) return page.toWire({ items: [], more: false }, toSessionWire);
    const filter = {
      agentId: query.agent_id,
      agentVersion: query.agent_version,
      statuses: query.statuses,
      createdAt: query.created_at,
      includeArchived: query.include_archived,
    };
    const found = await transaction(this.#pool, workspaceId, (tx) => listSessions(tx, page.request, filter));
    return page.toWire(found, (session) => toSessionWire(session));
  }

  /** Ends an idle session for good and hides it from the list. Errors: `session.running`. */
  async archive(workspaceId: string, id: string): Promise<SessionWire> {
    return this.locked(workspaceId, id, async (tx, session) => {
      refuseRunning(session, 'archived');
      await killSession(session);
      if (!session.record.archivedAt) await session.update({ archivedAt: new Date() });
      return toSessionWire(await getSession(tx, id));
    });
  }

  /** Removes an idle session and its events; a worker removes its sandbox. Errors: `session.running`. */
  async remove(workspaceId: string, id: string): Promise<{ id: string; type: 'session_deleted' }> {
    return this.locked(workspaceId, id, async (tx, session) => {
      refuseRunning(session, 'deleted');
      await dropDeltas(tx, id, 'all');
      await deleteSession(tx, id);
      await notify(tx, CHANNELS.events, id);
      return { id, type: 'session_deleted' };
    });
  }

  /** Ends a session for good whatever it does: the row and the fence now, the running work right after. */
  async kill(workspaceId: string, id: string): Promise<SessionWire> {
    const { before, after } = await this.locked(workspaceId, id, async (tx, session) => {
      const before = session.record;
      await killSession(session);
      await notify(tx, CHANNELS.stop, id);
      return { before, after: await getSession(tx, id) };
    });
    if (before.status !== 'terminated') this.#waker.stop(before);
    return toSessionWire(after);
  }

  private locked<T>(workspaceId: string, id: string, work: (tx: Transaction, session: LockedSession) => Promise<T>): Promise<T> {
    return transaction(this.#pool, workspaceId, async (tx) => work(tx, await lockSession(tx, id)));
  }
}

function refuseRunning(session: LockedSession, verb: 'archived' | 'deleted'): void {
  const status = seenStatus(session.record);
  if (status === 'idle' || status === 'terminated') return;
  throw new RondoError(
    'session.running',
    `Session ${session.record.id} is ${status} and cannot be ${verb}; send user.interrupt and wait for idle, or POST /v1/sessions/${session.record.id}/kill.`,
  );
}
