import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installationOf } from '../../infra/config/sandbox-settings.js';
import { type GitServer, startGitServer } from '../support/git-server.js';
import type { Platform } from '../support/platform.js';
import { sandboxProviders } from '../support/sandbox-providers.js';
import { expectWholeLog, readLog, resultTexts, sql } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';
import { aSession, errorsOf, idle, run, say, startWithShell } from './mounts.fixture.js';

const TOKEN = `canary-${randomBytes(12).toString('hex')}`;

let platform: Platform;
let git: GitServer;
const address = (name: string) => git.url(name, '127.0.0.1');

beforeAll(async () => {
  git = await startGitServer();
  git.make(
    'project',
    'echo "from the repository" > README.md; git add .; git commit -qm first; git switch -qc topic; echo topic > topic; git add .; git commit -qm topic',
  );
  git.make('private', 'echo "for few" > secret.txt; git add .; git commit -qm first');
  git.protect('private', TOKEN);
  platform = await startWithShell({ environment: { RONDO_ALLOW_PRIVATE: `127.0.0.1:${git.port}`, NODE_EXTRA_CA_CERTS: git.certificateFile } });
});
afterAll(async () => {
  await platform?.stop();
  git?.close();
  // The last workers were killed, and no other will ever look for what they were at.
  for (const name of clonesOf(platform)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
});

const clonesOf = ({ home }: Platform) => readdirSync(tmpdir()).filter((name) => name.startsWith(`rondo-clone-${installationOf(home)}-`));

const upload = async (content: string | Uint8Array<ArrayBuffer>, name = 'file.txt') =>
  (await platform.sdk.beta.files.upload({ file: new File([content], name) })).id;
const mounts = (sessionId: string) =>
  sql<{ name: string; outcome: string; attempt: number; detail: { found: boolean } | null }>(
    platform,
    `select name, outcome, attempt, detail from attempts where session_id = $1 and kind = 'resource_mount' order by started_at`,
    [sessionId],
  );

/** Takes the session's sandbox away, as a crash of its host would. */
async function loseSandbox(sessionId: string): Promise<void> {
  const [row] = await sql<{ name: string }>(platform, 'select name from sandboxes where session_id = $1', [sessionId]);
  for (const provider of sandboxProviders(platform.home)) {
    await provider.destroy(row?.name ?? '');
    await provider.close();
  }
}

describe('files of a session', () => {
  it('are where they were to be mounted, byte for byte, before the first call runs', async () => {
    const bytes = randomBytes(300_000);
    const [first, second] = [await upload(bytes, 'any.bin'), await upload('Grüße\n')];
    const session = await aSession(platform, {
      resources: [
        { type: 'file', file_id: first, mount_path: '/workspace/data/any.bin' },
        { type: 'file', file_id: second },
      ],
    });
    const seen = await run(platform, session.id, `base64 -w0 data/any.bin | tail -c 40; cat /mnt/session/uploads/${second}`);
    expect(seen).toBe(`${bytes.toString('base64').slice(-40)}Grüße`);
    expect(await mounts(session.id)).toMatchObject([{ outcome: 'ok' }, { outcome: 'ok' }]);
    await expectWholeLog(platform, session.id);
  });

  it('can be added later, and are there at the next call; what the agent changed stays as it is, also in the next sandbox', async () => {
    const session = await aSession(platform, { resources: [{ type: 'file', file_id: await upload('original'), mount_path: '/workspace/a.txt' }] });
    expect(await run(platform, session.id, 'cat a.txt; echo changed > a.txt')).toBe('original');
    await platform.sdk.beta.sessions.resources.add(session.id, { type: 'file', file_id: await upload('later'), mount_path: '/workspace/b.txt' });
    expect(await run(platform, session.id, 'cat a.txt b.txt')).toBe('changed\nlater');
    await loseSandbox(session.id);
    expect(await run(platform, session.id, 'cat a.txt b.txt')).toMatch(/^Note: this call ran in a new sandbox\. .*changed\nlater$/s);
    const found = (await mounts(session.id)).map(({ name, detail }) => [name, detail?.found]);
    expect(found).toEqual([
      ['file /workspace/a.txt', false],
      ['file /workspace/b.txt', false],
      ['file /workspace/a.txt', true],
      ['file /workspace/b.txt', true],
    ]);
  });

  it('that cannot be mounted are told once a turn, and keep nothing from running', async () => {
    const session = await aSession(platform, { resources: [{ type: 'file', file_id: await upload('x'), mount_path: '/workspace/way/x.txt' }] });
    await platform.sdk.beta.sessions.resources.add(session.id, { type: 'file', file_id: await upload('y'), mount_path: '/workspace/y.txt' });
    await sql(platform, `update session_resources set mount_path = '/etc/x.txt' where session_id = $1 and mount_path like '%way%'`, [session.id]);
    expect(await run(platform, session.id, 'cat y.txt')).toBe('y');
    expect(errorsOf(await readLog(platform, session.id))).toMatchObject([
      { type: 'unknown_error', message: expect.stringContaining('/etc/x.txt'), retry_status: { type: 'retrying' } },
    ]);
  });
});

describe('repositories of a session', () => {
  it('are there with their history at the branch that was asked for', async () => {
    const session = await aSession(platform, {
      resources: [
        { type: 'github_repository', url: address('project') },
        { type: 'github_repository', url: address('project'), mount_path: '/workspace/other', checkout: { type: 'branch', name: 'topic' } },
      ],
    });
    expect(await run(platform, session.id, 'cat project/README.md other/topic; cd other; git status -sb; git log --oneline | wc -l')).toBe(
      'from the repository\ntopic\n## topic...origin/topic\n2',
    );
  });

  it('open with a token that is nowhere afterwards: not in the sandbox, the log, the trace or the answers', async () => {
    const session = await aSession(platform, { resources: [{ type: 'github_repository', url: address('private'), authorization_token: TOKEN }] });
    const encoded = Buffer.from(`x-access-token:${TOKEN}`).toString('base64').slice(0, 30);
    const search = `cat private/secret.txt; grep -rlE "canary-[0-9a-f]{24}|${encoded}" /workspace /mnt /tmp /proc/[0-9]*/environ 2>/dev/null | grep -v /proc/self | wc -l`;
    expect(await run(platform, session.id, search)).toBe('for few\n0');
    const rows = await sql<{ text: string }>(
      platform,
      `select coalesce(string_agg(t::text, ' '), '') as text from (
         select to_jsonb(e) as t from events e where session_id = $1 union all select to_jsonb(a) from attempts a where session_id = $1
         union all select to_jsonb(m) from resource_mounts m where session_id = $1 union all select to_jsonb(r) from session_resources r where session_id = $1) as rows`,
      [session.id],
    );
    expect(rows[0]?.text).toContain('github_repository');
    expect(rows[0]?.text).not.toContain(TOKEN);
    expect(platform.workers.map((worker) => worker.output()).join('')).not.toContain(TOKEN);
    expect(clonesOf(platform)).toEqual([]);
  });

  it('that refuse the token are told with their address, and tried again in the next turn with the new one', async () => {
    const session = await aSession(platform, { resources: [{ type: 'github_repository', url: address('private'), authorization_token: 'wrong-token' }] });
    expect(await run(platform, session.id, 'ls; ls')).toBe('(no output)');
    expect(errorsOf(await readLog(platform, session.id))).toMatchObject([
      { type: 'repository_authentication_error', repository_url: address('private'), retry_status: { type: 'retrying' } },
    ]);
    const id = session.resources.flatMap((resource) => (resource.type === 'github_repository' ? [resource.id] : []))[0] ?? '';
    await platform.sdk.beta.sessions.resources.update(id, { session_id: session.id, authorization_token: TOKEN });
    expect(await run(platform, session.id, 'cat private/secret.txt')).toBe('for few');
    expect(errorsOf(await readLog(platform, session.id))).toHaveLength(1);
    await expectWholeLog(platform, session.id);
  });

  it('that are not there, or have no such branch, are told as what they are', async () => {
    const session = await aSession(platform, {
      resources: [
        { type: 'github_repository', url: address('missing') },
        { type: 'github_repository', url: address('project'), checkout: { type: 'branch', name: 'nowhere' } },
        { type: 'github_repository', url: 'https://127.0.0.1:1/x/elsewhere' },
      ],
    });
    expect(await run(platform, session.id, 'ls')).toBe('(no output)');
    const types = errorsOf(await readLog(platform, session.id)).map(({ type }) => type);
    expect(types).toEqual(['repository_not_found_error', 'repository_checkout_error', 'repository_clone_error']);
  });

  it('are mounted once though the worker is killed over it', async () => {
    let held = false;
    git.intercept = (request) => {
      if (!request.url?.startsWith('/project.git') || held) return false;
      held = true;
      return true;
    };
    const session = await aSession(platform, { resources: [{ type: 'github_repository', url: address('project') }] });
    await say(platform, session.id, 'run: cat project/README.md; echo once >> project/README.md');
    await waitFor('git to ask', () => held || undefined);
    const worker = platform.workers.at(-1);
    await worker?.kill();
    git.intercept = undefined;
    await platform.startWorker();
    expect(resultTexts(await idle(platform, session.id, 1))).toEqual(['from the repository']);
    expect(await run(platform, session.id, 'cat project/README.md')).toBe('from the repository\nonce');
    expect((await mounts(session.id)).map(({ outcome }) => outcome)).toEqual(['lost', 'ok']);
    expect(clonesOf(platform)).toEqual([]);
    await expectWholeLog(platform, session.id);
  });

  it('are mounted into the next sandbox when theirs is lost over it', async () => {
    let asked = 0;
    git.intercept = (request) => {
      asked += request.url?.startsWith('/project.git') ? 1 : 0;
      return asked === 1;
    };
    const session = await aSession(platform, { resources: [{ type: 'github_repository', url: address('project') }] });
    await say(platform, session.id, 'run: cat project/README.md');
    await waitFor('git to ask', () => asked || undefined);
    await loseSandbox(session.id);
    expect(resultTexts(await idle(platform, session.id, 1))).toEqual(['from the repository']);
    git.intercept = undefined;
    expect(errorsOf(await expectWholeLog(platform, session.id))).toEqual([]);
  });

  it('do not keep an interrupt waiting', async () => {
    let asked = false;
    git.intercept = (request) => {
      if (!request.url?.startsWith('/project.git')) return false;
      asked = true;
      return true;
    };
    const session = await aSession(platform, { resources: [{ type: 'github_repository', url: address('project') }] });
    await say(platform, session.id, 'run: true');
    await waitFor('git to ask', () => asked || undefined);
    const begin = performance.now();
    await platform.sdk.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] });
    await waitFor('the session to rest', async () => (await readLog(platform, session.id)).at(-1)?.type === 'session.status_idle' || undefined);
    expect(performance.now() - begin).toBeLessThan(10_000);
    git.intercept = undefined;
  });
});
