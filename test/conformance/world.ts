import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import Anthropic, { toFile } from '@anthropic-ai/sdk';
import type { ScriptInput } from '../../apps/rehearsal/script.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { waitFor } from '../support/wait-for.js';
import { type MethodPath, watch } from './methods.js';
import { readAll } from './pages.js';

type Beta = Anthropic['beta'];
type AgentParams = Parameters<Beta['agents']['create']>[0];
type SessionParams = Parameters<Beta['sessions']['create']>[0];
type SendParams = Parameters<Beta['sessions']['events']['send']>[1]['events'];
export type Agent = Awaited<ReturnType<Beta['agents']['create']>>;
export type Environment = Awaited<ReturnType<Beta['environments']['create']>>;
export type Session = Awaited<ReturnType<Beta['sessions']['create']>>;
type LogEvent = Awaited<ReturnType<Beta['sessions']['events']['list']>>['data'][number];
type StreamEvent = Awaited<ReturnType<Beta['sessions']['events']['stream']>> extends AsyncIterable<infer Event> ? Event : never;

const COLOR_TOOL = {
  type: 'custom',
  name: 'favorite_color',
  description: 'Asks the client for a color.',
  input_schema: { type: 'object', properties: { of: { type: 'string' } } },
} as const;

const SCRIPTS: Readonly<Record<string, ScriptInput>> = {
  color: { replies: [{ tool_calls: [{ name: 'favorite_color', input: { of: 'sky' } }] }, { text: 'The answer was {{last_result}}.' }] },
  shell: { replies: [{ tool_calls: [{ name: 'bash', input: { command: 'echo from-the-tool' } }] }, { text: 'It printed {{last_result}}' }] },
  slowly: { replies: [{ text: 'one two three four five six seven eight', chunk_ms: 40 }] },
  stalled: { replies: [{ text: 'one two three', stall_after: 1, ping_ms: 500 }] },
};

/** A running Rondo, the SDK pointed at it, and what checks keep asking for. */
export interface World {
  readonly platform: Platform;
  /** The unmodified SDK with the workspace's key. */
  readonly client: Anthropic;
  /** The methods that were called so far. */
  readonly called: ReadonlySet<MethodPath>;
  /** The SDK with another key, for example an environment's. */
  clientWith(key: string): Anthropic;
  unique(prefix: string): string;
  agent(params?: Partial<AgentParams>): Promise<Agent>;
  environment(): Promise<Environment>;
  session(params?: Partial<SessionParams> & { readonly model?: string; readonly tools?: AgentParams['tools'] }): Promise<Session>;
  /** A session whose agent asks the client for a color. */
  colorSession(params?: Partial<SessionParams>): Promise<Session>;
  /** Sends and reads the stream to the next idle; the events in between, that one included. */
  turn(sessionId: string, events: SendParams): Promise<StreamEvent[]>;
  /** Waits until a session has worked off its input; answers its log. */
  untilIdle(sessionId: string): Promise<LogEvent[]>;
  say(text: string): SendParams;
  /** A self-hosted environment, its key, and a client with that key. */
  selfHosted(): Promise<{ readonly environment: Environment; readonly key: string; readonly worker: Anthropic }>;
  upload(content: string, name?: string): Promise<Awaited<ReturnType<Beta['files']['upload']>>>;
  skillFiles(name: string, description: string): Promise<Awaited<ReturnType<typeof toFile>>[]>;
  /** A new folder, gone when the world stops. */
  folder(): string;
  stop(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const platform = await startPlatform({
    scripts: SCRIPTS,
    environment: { RONDO_MODEL_PRICES: JSON.stringify({ 'rehearsal/echo': { input: 1, output: 1 } }) },
  });
  const called = new Set<MethodPath>();
  const clientWith = (key: string) => watch(new Anthropic({ apiKey: key, baseURL: platform.url, maxRetries: 0 }), called);
  const client = clientWith(platform.key);
  const { agents, environments, sessions, files } = client.beta;
  let number = 0;
  const unique = (prefix: string) => `${prefix}-${++number}`;

  const agent: World['agent'] = (params = {}) => agents.create({ name: unique('agent'), model: 'rehearsal/echo', ...params });
  const environment = () => environments.create({ name: unique('environment') });
  const session: World['session'] = async ({ model, tools, ...params } = {}) =>
    await sessions.create({
      agent: (await agent({ ...(model ? { model } : {}), ...(tools ? { tools } : {}) })).id,
      environment_id: params.environment_id ?? (await environment()).id,
      ...params,
    });

  return {
    platform,
    client,
    called,
    clientWith,
    unique,
    agent,
    environment,
    session,
    colorSession: (params = {}) => session({ model: 'rehearsal/color', tools: [COLOR_TOOL], ...params }),
    async turn(sessionId, events) {
      const stream = await sessions.events.stream(sessionId);
      await sessions.events.send(sessionId, { events });
      const seen: StreamEvent[] = [];
      for await (const event of stream) {
        seen.push(event);
        if (event.type === 'session.status_idle' || event.type === 'session.status_terminated') break;
      }
      return seen;
    },
    untilIdle: (sessionId) =>
      waitFor(`session ${sessionId} to be idle`, async () => {
        const log = await readAll(sessions.events.list(sessionId, { limit: 1000 }));
        const last = log.at(-1);
        return last?.type === 'session.status_idle' && last.stop_reason.type !== 'requires_action' ? log : undefined;
      }),
    say: (text) => [{ type: 'user.message', content: [{ type: 'text', text }] }],
    async selfHosted() {
      const made = await environments.create({ name: unique('self-hosted'), config: { type: 'self_hosted' } });
      const response = await platform.request('POST', `/v1/environments/${made.id}/keys`, {});
      if (!response.ok) throw new Error(`POST /v1/environments/${made.id}/keys answered ${response.status}: ${await response.text()}`);
      const { key } = (await response.json()) as { key: string };
      return { environment: made, key, worker: clientWith(key) };
    },
    upload: async (content, name = 'notes.txt') => await files.upload({ file: await toFile(Buffer.from(content), name, { type: 'text/plain' }) }),
    skillFiles: async (name, description) => [
      await toFile(Buffer.from(`---\nname: ${name}\ndescription: ${description}\n---\n\nSay ${name}.\n`), `${name}/SKILL.md`, { type: 'text/markdown' }),
      await toFile(Buffer.from('print("used")\n'), `${name}/scripts/use.py`, { type: 'text/x-python' }),
    ],
    folder: () => mkdtempSync(join(platform.home, 'folder-')),
    stop: () => platform.stop(),
  };
}
