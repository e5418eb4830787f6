import type { BetaManagedAgentsSession, SessionCreateParams } from '@anthropic-ai/sdk/resources/beta/sessions/sessions';
import { type Platform, type PlatformOptions, startPlatform } from '../support/platform.js';
import { type LogRow, readLog, resultTexts } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

const bash = (command: string) => ({ tool_calls: [{ name: 'bash', input: { command } }] });

/** A platform whose model runs what follows `run: ` in one bash command, and what follows `run both: ` in two, one after the other. */
export const startWithShell = (options: Pick<PlatformOptions, 'environment'> = {}): Promise<Platform> =>
  startPlatform({
    ...options,
    scripts: {
      shell: {
        rules: [
          { match: '^run: (.+)$', replies: [bash('{{1}}'), { text: 'done' }] },
          { match: '^run both: (.+) && then (.+)$', replies: [bash('{{1}}'), bash('{{2}}'), { text: 'done' }] },
        ],
      },
    },
  });

interface Setting extends Pick<SessionCreateParams, 'resources'> {
  readonly skills?: readonly { readonly type: 'custom'; readonly skill_id: string; readonly version?: string }[];
}

export async function aSession(platform: Platform, { skills = [], ...rest }: Setting = {}): Promise<BetaManagedAgentsSession> {
  const { sdk } = platform;
  const agent = await sdk.beta.agents.create({ name: 'Shell', model: 'rehearsal/shell', tools: [{ type: 'agent_toolset_20260401' }], skills: [...skills] });
  const environment = await sdk.beta.environments.create({ name: `for ${agent.id}` });
  return sdk.beta.sessions.create({ agent: agent.id, environment_id: environment.id, ...rest });
}

export const say = (platform: Platform, sessionId: string, text: string) =>
  platform.sdk.beta.sessions.events.send(sessionId, { events: [{ type: 'user.message', content: [{ type: 'text', text }] }] });

/** Runs a command as a turn of the session and answers what the model saw of it. */
export async function run(platform: Platform, sessionId: string, command: string): Promise<string> {
  const before = resultTexts(await readLog(platform, sessionId)).length;
  await say(platform, sessionId, `run: ${command}`);
  const log = await idle(platform, sessionId, before + 1);
  return resultTexts(log).at(-1) ?? '';
}

/** Waits until so many calls have results and the session rests. */
export const idle = (platform: Platform, sessionId: string, results: number): Promise<LogRow[]> =>
  waitFor(
    `session ${sessionId} to rest with ${results} results`,
    async () => {
      const log = await readLog(platform, sessionId);
      return log.at(-1)?.type === 'session.status_idle' && resultTexts(log).length >= results ? log : undefined;
    },
    60_000,
  );

export const errorsOf = (log: readonly LogRow[]) => log.filter(({ type }) => type === 'session.error').map(({ body }) => body.error);
