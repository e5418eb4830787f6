import { z } from 'zod';
import { nowMs } from '../apps/rehearsal/recorder.js';
import { type EventFeed, openFeed } from './event-feed.js';
import { MODEL } from './scripts.js';
import { until } from './until.js';

const Invocation = z.object({ id: z.string(), session_id: z.string(), status: z.string(), steps: z.number() });
export type Invocation = z.infer<typeof Invocation>;

const Session = z.object({ id: z.string(), environment_id: z.string(), agent: z.object({ id: z.string() }) });
const Made = z.object({ id: z.string() });
const ListPage = z.object({ data: z.array(z.unknown()), next_page: z.string().nullable() });

export interface SessionParts {
  readonly id: string;
  readonly agentId: string;
  readonly environmentId: string;
}

/** When a request was sent and when the head of its answer was there; times as `nowMs` gives them. */
export interface Exchange {
  readonly sentAt: number;
  readonly answeredAt: number;
}

/** A gateway as its callers see it. Every call throws what the gateway said when it refuses. */
export interface Api {
  readonly url: string;
  /** A turn of a new session with the toolset, in the background. */
  invoke(input: string): Promise<Exchange & { readonly invocation: Invocation }>;
  /** A turn of a session that exists, in the background. */
  goOn(sessionId: string, input: string): Promise<Exchange & { readonly invocation: Invocation }>;
  send(sessionId: string, event: Readonly<Record<string, unknown>>): Promise<Exchange>;
  kill(sessionId: string): Promise<Exchange>;
  /** A session like another one, without any input. */
  twinOf(sessionId: string): Promise<string>;
  /** What a session is made of, to make others like it. */
  session(sessionId: string): Promise<SessionParts>;
  createSession(parts: Pick<SessionParts, 'agentId' | 'environmentId'>): Promise<Exchange>;
  /** What a session without any input needs: an agent with the toolset and an environment that may reach every public host. */
  createAgentAndEnvironment(): Promise<Pick<SessionParts, 'agentId' | 'environmentId'>>;
  /** A session with files in it. */
  createSessionWithFiles(parts: Pick<SessionParts, 'agentId' | 'environmentId'>, fileIds: readonly string[]): Promise<string>;
  upload(name: string, content: string): Promise<string>;
  /** Milliseconds to read a page whole, so many times; throws unless it has so many items. */
  timePages(path: string, times: number, items: number): Promise<number[]>;
  /** The cursor behind so many pages. */
  cursorAfter(path: string, pages: number): Promise<string>;
  /** Waits for the end of a turn. */
  ended(invocation: Invocation, options: { signal: AbortSignal; everyMs?: number; limitMs?: number }): Promise<Invocation>;
  follow(sessionId: string, options?: { readonly deltas?: boolean }): Promise<EventFeed>;
}

const ENDED: readonly string[] = ['completed', 'failed', 'interrupted', 'killed'];

export function createApi(url: string, key: string): Api {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };

  const ask = async (method: string, path: string, body?: unknown): Promise<Exchange & { readonly body: unknown }> => {
    const sentAt = nowMs();
    const response = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const answeredAt = nowMs();
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return { sentAt, answeredAt, body: JSON.parse(text) };
  };

  const invoke = async (body: Readonly<Record<string, unknown>>) => {
    const answer = await ask('POST', '/v1/invoke', { mode: 'background', ...body });
    return { ...answer, invocation: Invocation.parse(answer.body) };
  };

  const session = async (sessionId: string): Promise<SessionParts> => {
    const { id, agent, environment_id } = Session.parse((await ask('GET', `/v1/sessions/${sessionId}`)).body);
    return { id, agentId: agent.id, environmentId: environment_id };
  };
  const createSession = ({ agentId, environmentId }: Pick<SessionParts, 'agentId' | 'environmentId'>) =>
    ask('POST', '/v1/sessions', { agent: agentId, environment_id: environmentId });

  return {
    url,
    invoke: (input) => invoke({ model: MODEL, tools: [{ type: 'agent_toolset_20260401' }], input }),
    goOn: (sessionId, input) => invoke({ session_id: sessionId, input }),
    send: (sessionId, event) => ask('POST', `/v1/sessions/${sessionId}/events`, { events: [event] }),
    kill: (sessionId) => ask('POST', `/v1/sessions/${sessionId}/kill`),
    async twinOf(sessionId) {
      return Session.parse((await createSession(await session(sessionId))).body).id;
    },
    session,
    createSession,
    async createAgentAndEnvironment() {
      const agent = await ask('POST', '/v1/agents', { name: 'bench', model: MODEL, tools: [{ type: 'agent_toolset_20260401' }] });
      const environment = await ask('POST', '/v1/environments', { name: 'bench', config: { type: 'cloud', networking: { type: 'unrestricted' } } });
      return { agentId: Made.parse(agent.body).id, environmentId: Made.parse(environment.body).id };
    },
    async createSessionWithFiles({ agentId, environmentId }, fileIds) {
      const resources = fileIds.map((id, index) => ({ type: 'file', file_id: id, mount_path: `/mnt/session/uploads/file-${index}` }));
      return Made.parse((await ask('POST', '/v1/sessions', { agent: agentId, environment_id: environmentId, resources })).body).id;
    },
    async upload(name, content) {
      const form = new FormData();
      form.set('file', new Blob([content]), name);
      const response = await fetch(`${url}/v1/files`, { method: 'POST', headers: { authorization: headers.authorization }, body: form });
      if (!response.ok) throw new Error(`POST /v1/files answered ${response.status}: ${await response.text()}`);
      return Made.parse(await response.json()).id;
    },
    async timePages(path, times, items) {
      const samples: number[] = [];
      for (let time = 0; time <= times; time += 1) {
        const { sentAt, body } = await ask('GET', path);
        // The first request only warms up.
        if (time > 0) samples.push(nowMs() - sentAt);
        const { length } = ListPage.parse(body).data;
        if (length !== items) throw new Error(`${path} answered ${length} items, not ${items}.`);
      }
      return samples;
    },
    async cursorAfter(path, pages) {
      let cursor = '';
      for (let page = 0; page < pages; page += 1) {
        const { next_page } = ListPage.parse((await ask('GET', `${path}${cursor && `&page=${cursor}`}`)).body);
        if (!next_page) throw new Error(`${path} has no more than ${page + 1} pages.`);
        cursor = encodeURIComponent(next_page);
      }
      return cursor;
    },
    ended: (invocation, options) =>
      until(
        `the turn of session ${invocation.session_id}`,
        async () => {
          const now = Invocation.parse((await ask('GET', `/v1/invocations/${invocation.id}`)).body);
          return ENDED.includes(now.status) ? now : undefined;
        },
        { everyMs: 50, ...options },
      ),
    follow: (sessionId, { deltas = false } = {}) =>
      openFeed(`${url}/v1/sessions/${sessionId}/events/stream${deltas ? '?event_deltas=agent.message' : ''}`, headers.authorization),
  };
}

/** Throws unless a turn came to its natural end. */
export function expectCompleted(invocation: Invocation): void {
  if (invocation.status !== 'completed') throw new Error(`The turn of session ${invocation.session_id} ended as ${invocation.status}, not completed.`);
}
