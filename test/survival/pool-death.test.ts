import * as fs from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { memberIdOf } from '../../activities/sandbox/pool-directories.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { holdState } from '../support/row-lock.js';
import { sandboxProviders } from '../support/sandbox-providers.js';
import { expectWholeLog, invoke, sql, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

const SCRIPTS = {
  shell: {
    rules: [
      { match: '^hello$', replies: [{ text: 'hello' }] },
      { match: '^(.+)$', replies: [{ tool_calls: [{ name: 'bash', input: { command: '{{1}}' } }] }, { text: '{{last_result}}' }] },
    ],
  },
};
/** Whose sandbox this is, and what anybody has left in it. */
const LOOK = 'echo "$RONDO_SESSION_ID $(ls -d /workspace/* /mnt/session/outputs/* /tmp/* 2>/dev/null)"; touch /workspace/used /tmp/used';
const LIMIT_MS = 120_000;

let platform: Platform;
afterEach(() => platform.stop(), LIMIT_MS);

const start = async (pool: Readonly<Record<'RONDO_POOL_MIN' | 'RONDO_POOL_MAX', string>>) => {
  platform = await startPlatform({ workers: 0, scripts: SCRIPTS, environment: { RONDO_SANDBOX: 'bubblewrap', RONDO_SANDBOX_RUNTIME: 'auto', ...pool } });
};
const warm = () => sql<{ id: string; name: string }>(platform, `select id, name from pool_members where state = 'warm' order by created_at`);
const warmAre = (count: number) =>
  waitFor(
    `${count} warm members`,
    async () => {
      const members = await warm();
      return members.length === count ? members : undefined;
    },
    LIMIT_MS,
  );
/** The only member of a pool of one. */
const theMember = async () => {
  const [member] = await warmAre(1);
  if (!member) throw new Error('There is no member.');
  return member;
};
const kill = async () => platform.workers.pop()?.kill();

/** A session that has spoken, and has needed no sandbox yet. */
async function aSession(): Promise<string> {
  const { id, session_id } = await invoke(platform, { model: 'rehearsal/shell', input: 'hello' });
  await waitForInvocation(platform, id, undefined, LIMIT_MS);
  return session_id;
}
const look = (sessionId: string) => invoke(platform, { session_id: sessionId, input: LOOK });
const seen = async (id: string) => (await waitForInvocation(platform, id, undefined, LIMIT_MS)).output_text.trim();
const sandboxOf = async (sessionId: string) =>
  (
    await sql<{ name: string; state: string; generation: number }>(platform, 'select name, state, generation from sandboxes where session_id = $1', [sessionId])
  )[0];

/** As if its first process had ended: the session's files stay. */
async function endSandbox(sessionId: string): Promise<void> {
  const [, bubblewrap] = sandboxProviders(platform.home);
  await bubblewrap?.destroy((await sandboxOf(sessionId))?.name ?? '');
}

/** What runs on the host is what rows name, each for one session or for nobody, and so are the directories of the pool. */
async function expectNothingOrphaned(): Promise<void> {
  const [, bubblewrap] = sandboxProviders(platform.home);
  const rows = await sql<{ name: string }>(
    platform,
    `select name from sandboxes where state <> 'released' union all select name from pool_members where state in ('starting', 'warm')`,
  );
  const names = rows.map(({ name }) => name).toSorted();
  expect(new Set(names).size).toBe(names.length);
  expect((await bubblewrap?.list())?.toSorted()).toEqual(names);
  const nobodys = (await sql<{ id: string }>(platform, `select id from pool_members where state in ('starting', 'warm')`)).map(({ id }) => id);
  expect(fs.readdirSync(join(platform.home, 'pool')).toSorted()).toEqual(nobodys.toSorted());
}

/** Keeps every worker from a session's directories, until it is let go. */
async function holdWorkspace(sessionId: string) {
  const client = new pg.Client({ connectionString: platform.database.ownerUrl });
  await client.connect();
  const [host] = await sql<{ id: string }>(platform, 'select id from sandbox_hosts');
  await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [`workspace of ${sessionId} on ${host?.id}`]);
  let isHeld = true;
  const release = async () => {
    if (isHeld) await client.end();
    isHeld = false;
  };
  onTestFinished(release);
  return release;
}

/** Processes of the host that run in a sandbox's own namespace of processes. */
function processesOf(name: string): number[] {
  const [state] = fs.globSync(join(platform.home, 'sandboxes/bubblewrap/*', name, 'info.json'));
  const { 'pid-namespace': namespace } = JSON.parse(fs.readFileSync(state ?? '', 'utf8')) as { 'pid-namespace': number };
  const isInside = (pid: string) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/ns/pid`) === `pid:[${namespace}]`;
    } catch {
      return false;
    }
  };
  return fs
    .readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && isInside(pid))
    .map(Number);
}

describe('a worker with a pool that is killed', () => {
  it('between the claim and the move of directories: the next one gives the same member to the same session', { timeout: 3 * LIMIT_MS }, async () => {
    await start({ RONDO_POOL_MIN: '1', RONDO_POOL_MAX: '1' });
    await platform.startWorker();
    await theMember();
    const session = await aSession();
    expect(await seen((await look(session)).id)).toBe(session);
    const member = await theMember();
    // First: what still looks for outputs would otherwise claim and move by itself.
    const release = await holdWorkspace(session);
    await endSandbox(session);
    const { id } = await look(session);
    await waitFor('the claim', async () => (await sandboxOf(session))?.name === member.name);
    await kill();
    await release();
    expect(fs.existsSync(join(platform.home, 'pool', member.id, 'workspace'))).toBe(true);
    await platform.startWorker();
    expect((await seen(id)).endsWith(`\n${session} /workspace/used`)).toBe(true);
    expect(await sandboxOf(session)).toEqual({ name: member.name, state: 'ready', generation: 2 });
    await expectWholeLog(platform, session);
    await warmAre(1);
    await expectNothingOrphaned();
  });

  it('between the move and the binding: the next one binds it, and another session gets another', { timeout: 3 * LIMIT_MS }, async () => {
    await start({ RONDO_POOL_MIN: '1', RONDO_POOL_MAX: '1' });
    await platform.startWorker();
    const member = await theMember();
    const frozen = processesOf(member.name);
    expect(frozen.length).toBeGreaterThan(1);
    for (const pid of frozen) process.kill(pid, 'SIGSTOP');
    const [session, other] = [await aSession(), await aSession()];
    const { id } = await look(session);
    await waitFor('the claimed sandbox', async () => (await sandboxOf(session))?.state === 'ready');
    await kill();
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
    await platform.startWorker();
    const second = await look(other);
    expect(await seen(id)).toBe(session);
    expect(await seen(second.id)).toBe(other);
    expect(await sandboxOf(session)).toEqual({ name: member.name, state: 'ready', generation: 1 });
    expect((await sandboxOf(other))?.name).not.toBe(member.name);
    await warmAre(1);
    await expectNothingOrphaned();
  });

  it('while it makes a member: what is half made is nobody’s, and is removed when it is known to be abandoned', { timeout: 3 * LIMIT_MS }, async () => {
    await start({ RONDO_POOL_MIN: '1', RONDO_POOL_MAX: '1' });
    const record = await holdState(platform, 'pool_members', 'warm');
    await platform.startWorker();
    await record.waitForSomebody();
    const [half] = await sql<{ name: string }>(platform, `select name from pool_members where state = 'starting'`);
    await kill();
    await record.release();
    await sql(platform, `update pool_members set created_at = created_at - interval '1 hour' where state = 'starting'`);
    await platform.startWorker();
    const whole = await theMember();
    const session = await aSession();
    const { id } = await look(session);
    expect(await seen(id)).toBe(session);
    expect((await sandboxOf(session))?.name).toBe(whole.name);
    expect(half?.name).toEqual(expect.any(String));
    expect(whole.name).not.toBe(half?.name);
    await warmAre(1);
    await expectNothingOrphaned();
  });
});

describe('two workers of one host', () => {
  it('that claim at once, one of them killed on the way: every session has a sandbox of its own that nobody has used', { timeout: 3 * LIMIT_MS }, async () => {
    await start({ RONDO_POOL_MIN: '3', RONDO_POOL_MAX: '3' });
    await Promise.all([platform.startWorker(), platform.startWorker()]);
    const members = await warmAre(3);
    const sessions = await Promise.all(Array.from({ length: 8 }, aSession));
    const turns = await Promise.all(sessions.map(look));
    await waitFor('a claim', async () => (await sql(platform, `select 1 from pool_members where state = 'claimed'`)).length > 0);
    await kill();
    expect(await Promise.all(turns.map(({ id }) => seen(id)))).toEqual(sessions);
    const names = (await Promise.all(sessions.map(sandboxOf))).map((row) => row?.name ?? '');
    expect(new Set(names).size).toBe(sessions.length);
    expect(names.filter((name) => memberIdOf(name) !== undefined).toSorted()).toEqual(expect.arrayContaining(members.map(({ name }) => name).toSorted()));
    await Promise.all(sessions.map((session) => expectWholeLog(platform, session)));
  });
});
