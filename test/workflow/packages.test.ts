import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Platform } from '../support/platform.js';
import { readLog, resultTexts, sql } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';
import { errorsOf, idle, run, say, startWithShell } from './mounts.fixture.js';

let platform: Platform;
beforeAll(async () => {
  platform = await startWithShell({ environment: { RONDO_POOL_MIN: '0', RONDO_POOL_MAX: '2' } });
});
afterAll(() => platform?.stop());

/** Of packages that no other test asks for: images of one engine are shared. */
const anEnvironment = (pip: string[]) =>
  platform.sdk.beta.environments.create({ name: pip.join(' '), config: { type: 'cloud', packages: { type: 'packages', pip } } });
const aSessionIn = async (environmentId: string) => {
  const agent = await platform.sdk.beta.agents.create({ name: 'Shell', model: 'rehearsal/shell', tools: [{ type: 'agent_toolset_20260401' }] });
  return platform.sdk.beta.sessions.create({ agent: agent.id, environment_id: environmentId });
};

/** Runs the session's first command while its packages are being built. */
async function runFirst(sessionId: string, environmentId: string, command: string): Promise<string> {
  await say(platform, sessionId, `run: ${command}`);
  await waitFor('the build to end', async () => (await imageOf(environmentId)).image.state !== 'building', 500_000);
  return resultTexts(await idle(platform, sessionId, 1)).at(-1) ?? '';
}

const imageOf = async (id: string) => (await platform.sdk.beta.environments.retrieve(id)) as unknown as { image: { state: string; error?: string } };
const starts = (sessionId: string) =>
  sql<{ detail: Record<string, unknown> }>(
    platform,
    `select detail from attempts where session_id = $1 and kind = 'sandbox_start' and outcome = 'ok' order by started_at`,
    [sessionId],
  );

it('packages of an environment are there at the first call, which waits for their build; later sessions find them, in the pool too', {
  timeout: 600_000,
}, async () => {
  const environment = await anEnvironment(['toolz==1.0.0']);
  expect((environment as unknown as { image: unknown }).image).toEqual({ state: 'building' });
  const first = await aSessionIn(environment.id);
  const command = 'python3 -c "import toolz; print(toolz.__version__)"';
  expect(await runFirst(first.id, environment.id, command)).toBe('1.0.0');
  expect(await imageOf(environment.id)).toMatchObject({ image: { state: 'ready' } });
  expect(await starts(first.id)).toMatchObject([{ detail: { source: 'new', packages: 'ready', waited_for_packages_ms: expect.any(Number) } }]);
  // Its kind names its image; a plain one has none.
  await waitFor(
    'a member with the packages',
    async () => (await sql(platform, `select 1 from pool_members where state = 'warm' and kind like '% %'`)).length > 0,
  );
  const second = await aSessionIn(environment.id);
  expect(await run(platform, second.id, command)).toBe('1.0.0');
  expect(await starts(second.id)).toMatchObject([{ detail: { source: 'pool', packages: 'ready' } }]);
});

it('packages that cannot be installed are told to the model and to clients, and the session goes on without them', { timeout: 600_000 }, async () => {
  const environment = await anEnvironment(['a-package-that-nobody-has-made==1.0']);
  const session = await aSessionIn(environment.id);
  const seen = await runFirst(session.id, environment.id, 'echo goes on');
  expect(seen).toMatch(/goes on/);
  expect(seen).toMatch(/could not be installed.*No matching distribution/s);
  expect((await imageOf(environment.id)).image).toMatchObject({ state: 'failed', error: expect.stringContaining('No matching distribution') });
  expect(errorsOf(await readLog(platform, session.id))).toMatchObject([{ message: expect.stringContaining('No matching distribution') }]);
});
