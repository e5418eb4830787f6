import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Platform } from './platform.js';
import { sql } from './sessions.js';
import { waitFor } from './wait-for.js';

const PROGRAM = fileURLToPath(new URL('./environment-worker.ts', import.meta.url));

export interface OwnWorker {
  readonly output: () => string;
  /** SIGKILL to the worker alone; what its shell runs goes on, as on a real host. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

export type OwnEnvironment = Awaited<ReturnType<typeof ownEnvironment>>;

/** A self-hosted environment with a key, and the host its workers run on: one folder that they share. */
export async function ownEnvironment(platform: Platform, config: { readonly on_worker_loss?: 'unknown' | 'rerun' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'rondo-own-'));
  const answer = async (method: string, path: string, body?: unknown) => {
    const response = await platform.request(method, path, body);
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as { id: string; key: string };
  };
  const { id } = await answer('POST', '/v1/environments', { name: `own ${folder}`, config: { type: 'self_hosted', ...config } });
  const { key } = await answer('POST', `/v1/environments/${id}/keys`);
  const groups: number[] = [];

  return {
    id,
    key,
    folder,
    async startWorker(helper: 'worker' | 'toolRunner' = 'worker'): Promise<OwnWorker> {
      const child = spawn(process.execPath, [PROGRAM], {
        env: {
          PATH: process.env['PATH'],
          HOME: folder,
          ANTHROPIC_LOG: 'debug',
          WORKER_BASE_URL: platform.url,
          WORKER_ENVIRONMENT: id,
          WORKER_KEY: key,
          WORKER_FOLDER: folder,
          WORKER_HELPER: helper,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own, so that nothing it started outlives the test.
        detached: true,
      });
      if (child.pid) groups.push(child.pid);
      let output = '';
      const keep = (chunk: Buffer) => {
        output += chunk.toString();
        if (process.env['RONDO_TEST_LOGS']) process.stderr.write(`own[${child.pid}] ${chunk}`);
      };
      child.stdout.on('data', keep);
      child.stderr.on('data', keep);
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      await waitFor('the environment worker to start', () => {
        if (child.exitCode !== null) throw new Error(`The environment worker ended with code ${child.exitCode}:\n${output}`);
        return output.includes('environment worker started');
      });
      return {
        output: () => output,
        async kill() {
          child.kill('SIGKILL');
          await gone;
        },
        freeze: () => void child.kill('SIGSTOP'),
        thaw: () => void child.kill('SIGCONT'),
      };
    },
    /** A new session of a model whose tools run on these workers, with one message. */
    async startSession(
      model: string,
      options: { readonly text?: string; readonly policy?: 'always_allow' | 'always_ask'; readonly skills?: { type: 'custom'; skill_id: string }[] } = {},
    ): Promise<string> {
      const { text = 'go', policy = 'always_allow', skills = [] } = options;
      const tools = [{ type: 'agent_toolset_20260401' as const, default_config: { permission_policy: { type: policy } } }];
      const agent = await platform.sdk.beta.agents.create({ name: 'own', model, tools, skills });
      const session = await platform.sdk.beta.sessions.create({
        agent: agent.id,
        environment_id: id,
        initial_events: [{ type: 'user.message', content: [{ type: 'text', text }] }],
      });
      return session.id;
    },
    /** Lines of a file in the workers' folder. */
    lines: (name: string): string[] => {
      const file = join(folder, name);
      return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
    },
    stop() {
      for (const group of groups) {
        try {
          process.kill(-group, 'SIGKILL');
        } catch {
          // It has ended.
        }
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until the session has answered this many turns and rests. */
export const waitForTurns = (platform: Platform, sessionId: string, turns: number, limitMs = 60_000): Promise<unknown> =>
  waitFor(
    `${turns} turns of ${sessionId} to end`,
    async () => {
      const rows = await sql<{ ended: number }>(
        platform,
        `select count(*)::integer as ended from events where session_id = $1 and type = 'session.status_idle' and body->'stop_reason'->>'type' <> 'requires_action'`,
        [sessionId],
      );
      return (rows[0]?.ended ?? 0) >= turns;
    },
    limitMs,
  );

/** States of the session's work items, oldest first. */
export const workStates = async (platform: Platform, sessionId: string): Promise<string[]> =>
  (await sql<{ state: string }>(platform, 'select state from work_items where session_id = $1 order by created_at', [sessionId])).map(({ state }) => state);
