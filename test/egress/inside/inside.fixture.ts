import { join } from 'node:path';
import { type Platform, startPlatform } from '../../support/platform.js';
import { type Program, startProgram } from '../../support/program.js';
import { readLog, resultTexts, sql } from '../../support/sessions.js';
import { waitFor } from '../../support/wait-for.js';
import { type Remote, startRemote } from './remote.js';

export type Engine = 'docker-runc' | 'docker-runsc' | 'bubblewrap';

const SETTINGS: Readonly<Record<Engine, Readonly<Record<string, string>>>> = {
  'docker-runc': { RONDO_SANDBOX: 'docker', RONDO_SANDBOX_RUNTIME: 'runc' },
  'docker-runsc': { RONDO_SANDBOX: 'docker', RONDO_SANDBOX_RUNTIME: 'runsc' },
  bubblewrap: { RONDO_SANDBOX: 'bubblewrap', RONDO_SANDBOX_RUNTIME: 'auto' },
};

export interface InsideSession {
  readonly id: string;
  readonly environmentId: string;
  /** Runs a script in one bash call of a turn of its own; answers what the model saw of it. */
  run(script: string): Promise<string>;
  /** Puts a file into the workspace. */
  put(path: string, content: Buffer): Promise<void>;
  generation(): Promise<number>;
}

export interface SessionRequest {
  readonly networking?: Record<string, unknown>;
  readonly packages?: Record<string, unknown>;
  readonly vaultIds?: readonly string[];
  readonly resources?: readonly Record<string, unknown>[];
}

/** A whole platform with its egress gateway as a process, and the other side that it lets sandboxes reach. */
export interface Inside {
  readonly platform: Platform;
  readonly remote: Remote;
  /** The gateway that runs now. */
  egress(): Program;
  startEgress(): Promise<void>;
  readonly controlSocket: string;
  session(request?: SessionRequest): Promise<InsideSession>;
  stop(): Promise<void>;
}

export async function startInside(engine: Engine, environment: Readonly<Record<string, string>> = {}): Promise<Inside> {
  const remote = await startRemote();
  const here = [remote.port, remote.git.port].map((port) => `127.0.0.1:${port}`).join(',');
  const platform = await startPlatform({
    scripts: { shell: { rules: [{ match: '^run: (.+)$', replies: [{ tool_calls: [{ name: 'bash', input: { command: '{{1}}' } }] }, { text: 'done' }] }] } },
    environment: {
      ...SETTINGS[engine],
      RONDO_ALLOW_PRIVATE: here,
      RONDO_EGRESS_UPSTREAM_CA: remote.certificates,
      NODE_EXTRA_CA_CERTS: remote.git.certificateFile,
      ...environment,
    },
    workers: 0,
  });
  let egress: Program;
  const startEgress = async () => {
    egress = await startProgram('egress', platform.environment, /egress gateway started/, { hosts: remote.hosts });
  };
  await startEgress();
  await platform.startWorker();

  const send = (id: string, text: string) =>
    platform.sdk.beta.sessions.events.send(id, { events: [{ type: 'user.message', content: [{ type: 'text', text }] }] });
  return {
    platform,
    remote,
    egress: () => egress,
    startEgress,
    controlSocket: join(platform.home, 'egress', 'control.sock'),
    async session({ networking, packages, vaultIds = [], resources = [] } = {}) {
      const ask = async (path: string, body: unknown): Promise<Record<string, string>> => {
        const response = await platform.request('POST', path, body);
        if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
        return (await response.json()) as Record<string, string>;
      };
      const cloud = { type: 'cloud', ...(networking ? { networking } : {}), ...(packages ? { packages } : {}) };
      const made = await ask('/v1/environments', { name: `e-${Math.random()}`, config: cloud });
      const agent = await ask('/v1/agents', { name: 'Shell', model: 'rehearsal/shell', tools: [{ type: 'agent_toolset_20260401' }] });
      const { id = '' } = await ask('/v1/sessions', { agent: agent['id'], environment_id: made['id'], vault_ids: vaultIds, resources });
      return {
        id,
        environmentId: made['id'] ?? '',
        async run(script) {
          const before = resultTexts(await readLog(platform, id)).length;
          await send(id, `run: ${script}`);
          return waitFor(
            `a result of ${id}`,
            async () => {
              const log = await readLog(platform, id);
              const texts = resultTexts(log);
              return log.at(-1)?.type === 'session.status_idle' && texts.length > before ? texts.at(-1) : undefined;
            },
            90_000,
          );
        },
        async put(path, content) {
          const headers = { authorization: `Bearer ${platform.key}`, 'content-type': 'application/octet-stream' };
          const answer = await fetch(`${platform.url}/v1/sessions/${id}/workspace/${path}`, { method: 'PUT', body: new Uint8Array(content), headers });
          if (answer.status !== 200) throw new Error(`the upload was answered ${answer.status}: ${await answer.text()}`);
        },
        generation: async () =>
          Number((await sql<{ generation: string }>(platform, 'select generation from sandboxes where session_id = $1', [id]))[0]?.generation),
      };
    },
    async stop() {
      await egress.kill();
      await platform.stop();
      remote.close();
    },
  };
}
