import pg from 'pg';
import { pino } from 'pino';
import { createSeal } from '../../activities/session/seal.js';
import { toOpenCall } from '../../activities/session/standing.js';
import { idleEvents } from '../../activities/session/wire-events.js';
import { endLostWork } from '../../apps/worker/lost-workers.js';
import { MODEL, type TestGateway } from './gateway.fixture.js';

export interface Offer {
  readonly id: string;
  readonly token: string;
}

export type SelfHosted = Awaited<ReturnType<typeof selfHosted>>;

/** A self-hosted environment with one key and one session; turns are played through the store, workers by requests. */
export async function selfHosted(gateway: TestGateway, config: { readonly on_worker_loss?: 'unknown' | 'rerun' } = {}) {
  const created = await gateway.request('POST', '/v1/environments', { name: `own ${Math.random()}`, config: { type: 'self_hosted', ...config } });
  const environmentId: string = created.body.id;
  const { key } = (await gateway.request('POST', `/v1/environments/${environmentId}/keys`)).body as { key: string };
  const sdk = gateway.sdk();
  const agent = await sdk.beta.agents.create({ name: 'Worker', model: MODEL, tools: [{ type: 'agent_toolset_20260401' }] });
  const newSession = async () => (await sdk.beta.sessions.create({ agent: agent.id, environment_id: environmentId })).id;
  const sessionId = await newSession();
  const work = `/v1/environments/${environmentId}/work`;
  const as = (credential: string) => ({ authorization: `Bearer ${credential}` });

  const self = {
    environmentId,
    sessionId,
    key,
    work,
    newSession,
    /** A request with the environment's key, or with the credential given. */
    request: (method: string, path: string, body?: unknown, credential = key) => gateway.request(method, path, body, as(credential)),
    send: (events: readonly unknown[], to = sessionId) => gateway.request('POST', `/v1/sessions/${to}/events`, { events }),
    message: (text = 'hello', to = sessionId) => self.send([{ type: 'user.message', content: [{ type: 'text', text }] }], to),
    poll: (query = '') => self.request('GET', `${work}/poll${query}`),
    async offer(query = ''): Promise<Offer> {
      const { body } = await self.poll(query);
      return { id: body.id, token: JSON.parse(Buffer.from(body.secret, 'base64url').toString()).sessions_token };
    },
    /** Takes the item as the SDK's worker does: poll, acknowledge, first heartbeat. */
    async take(): Promise<Offer & { readonly heartbeat: string }> {
      const offer = await self.offer();
      await self.request('POST', `${work}/${offer.id}/ack`);
      const beat = await self.beat(offer, 'NO_HEARTBEAT');
      return { ...offer, heartbeat: beat.body.last_heartbeat };
    },
    beat: (offer: Offer, expected: string, credential = offer.token) =>
      self.request('POST', `${work}/${offer.id}/heartbeat?expected_last_heartbeat=${encodeURIComponent(expected)}`, undefined, credential),
    stop: (offer: Offer, force = true) => self.request('POST', `${work}/${offer.id}/stop`, { force }, offer.token),
    item: async (id: string) => (await gateway.request('GET', `${work}/${id}`)).body,
    /** What the first half of a step does: takes the inputs that wait. */
    begin: () =>
      locked(async (session) => {
        await session.takeInbox(await session.readInbox());
        await session.clearWake();
        await session.update({ status: 'running', modelDue: true });
      }),
    /** What a model's answer with one call for the worker does. */
    call: (permission: 'allow' | 'ask' = 'allow') =>
      locked(async (session) => {
        const [event] = await session.append([
          { type: 'agent.tool_use', body: { name: 'bash', input: { command: 'true' }, evaluated_permission: permission } },
        ]);
        const id = event?.id ?? '';
        await session.addToolCalls([
          { id, step: 1, ordinal: 1, name: 'bash', kind: 'worker', mcpServerName: null, permission, decideBy: null, finished: false },
        ]);
        if (permission === 'allow') await session.callWorker();
        const waiting = (await session.openToolCalls()).map(toOpenCall).map((call) => call.id);
        await session.append(idleEvents(session.record, { type: 'requires_action', event_ids: waiting }));
        await session.update({ status: 'idle', stopReason: { type: 'requires_action', event_ids: waiting } });
        return id;
      }),
    /** What the session's run does after an interrupt. */
    seal: () =>
      createSeal({ store: gateway.store, defaultMaxSteps: 50, stopCalls: async () => undefined })({
        sessionId,
        workspaceId: gateway.workspaceId,
        epoch: null,
        cause: null,
      }),
    /** The worker of this item gives no sign of life for the time of its lease. */
    async lapse(id: string): Promise<{ readonly woken: readonly string[] }> {
      await asOwner(gateway, `update work_items set lease_expires_at = clock_timestamp() - interval '1 second' where id = $1`, [id]);
      const woken: string[] = [];
      await endLostWork({ pool: gateway.pool, client: { wake: async (session) => void woken.push(session.sessionId) }, log: pino({ level: 'silent' }) });
      return { woken };
    },
    events: async (credential?: string) =>
      (await gateway.request('GET', `/v1/sessions/${sessionId}/events`, undefined, credential ? as(credential) : {})).body.data as {
        type: string;
        tool_use_id?: string;
        is_error?: boolean;
        processed_at: string | null;
        content: { text: string }[];
      }[],
  };
  const locked = <T>(act: Parameters<typeof gateway.store.locked<T>>[1]): Promise<T> =>
    gateway.store.locked<T>({ sessionId, workspaceId: gateway.workspaceId }, act);
  return self;
}

/** Past every policy. */
export async function asOwner(gateway: TestGateway, text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: gateway.ownerUrl });
  await client.connect();
  try {
    return (await client.query(text, [...values])).rows;
  } finally {
    await client.end();
  }
}
