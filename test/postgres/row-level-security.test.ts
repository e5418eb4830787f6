import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../infra/ids.js';
import { reserveBlob } from '../../infra/postgres/blobs.repo.js';
import { insertCredential } from '../../infra/postgres/credentials.repo.js';
import { insertEgressRequests } from '../../infra/postgres/egress-requests.repo.js';
import { claimImage } from '../../infra/postgres/environment-images.repo.js';
import { insertEnvironmentKey } from '../../infra/postgres/environment-keys.repo.js';
import { insertFile } from '../../infra/postgres/files.repo.js';
import { insertResource } from '../../infra/postgres/session-resources.repo.js';
import { deleteSession, getSession } from '../../infra/postgres/sessions.repo.js';
import { insertSkill } from '../../infra/postgres/skills.repo.js';
import { transaction } from '../../infra/postgres/transaction.js';
import { insertVault } from '../../infra/postgres/vaults.repo.js';
import { insertWork, offerWork } from '../../infra/postgres/work.repo.js';
import { notePoller } from '../../infra/postgres/work-queue.repo.js';
import { mintWorkToken } from '../../infra/postgres/work-tokens.repo.js';
import { insertWorkspaceRequest } from '../../infra/postgres/workspace-requests.repo.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { NO_USAGE } from '../../workflows/contract/records.js';
import { aSession, type StoreFixture, send, startStore, userMessage } from './session.fixture.js';

const DENIED = { code: '42501' };

let fixture: StoreFixture;
let owner: pg.Client;
/** Every table that says whose a row is, as the catalogue knows them. */
let tables: string[];

beforeAll(async () => {
  fixture = await startStore();
  owner = new pg.Client({ connectionString: fixture.database.ownerUrl });
  await owner.connect();
  const { rows } = await owner.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped
     where n.nspname = 'public' and c.relkind in ('r', 'p') order by 1`,
  );
  tables = rows.map(({ name }) => name);
  for (const workspaceId of [fixture.workspaceId, fixture.otherWorkspaceId]) await fillEveryTable({ ...fixture, workspaceId });
});
afterAll(async () => {
  await owner.end();
  await fixture.stop();
});

/** One row at least in every table of a workspace. */
async function fillEveryTable(workspace: Pick<StoreFixture, 'pool' | 'store' | 'workspaceId'>): Promise<void> {
  const ref = await aSession(workspace);
  await send(workspace, ref, userMessage('for the log'));
  const id = `sevt_call${ref.sessionId.slice(-12)}`;
  await workspace.store.locked(ref, async (session) => {
    await session.takeInbox(await session.readInbox());
    await session.addToolCalls([
      { id, step: 1, ordinal: 1, name: 'bash', kind: 'sandbox', mcpServerName: null, permission: 'allow', decideBy: null, finished: false },
    ]);
    await session.claimEffect({ key: id, attempt: 1 });
    await session.startAttempt({ turn: 1, step: 1, kind: 'tool_call', name: 'bash', key: id, attempt: 1 });
    await session.saveSandbox({
      generation: 1,
      name: `sandbox-${ref.sessionId}`,
      engine: 'docker',
      runtime: 'runc',
      isolation: 'container',
      state: 'ready',
      hostId: null,
    });
    await session.saveMcpTools([{ serverName: 'tickets', turn: 1, tools: [] }]);
    await session.moveInvocations({ status: 'running', stopReason: null, usage: NO_USAGE });
  });
  await workspace.store.publishCallOutput(ref, { callId: id, attempt: 1, pieces: [{ begins: 0, bytes: 7, text: 'printed' }] });
  await fillWorkQueue(workspace, ref);
  await fillVault(workspace);
  await fillFilesAndSkills(workspace);
  await fillMounts(workspace, ref);
  await fillCheckpoint(workspace, ref);
  await fillEgress(workspace, ref);
  await transaction(workspace.pool, workspace.workspaceId, (tx) => claimImage(tx, 'a host', 'a hash'));
  await workspace.store.publishDeltas(ref, [{ eventId: 'sevt_streamed', eventType: 'agent.message', attempt: 1, block: 0, text: 'on its way' }], 0);
  await send(workspace, ref, userMessage('for the inbox'));
}

/** A key, an item on offer with its token, and a worker that asked. */
async function fillWorkQueue({ pool, workspaceId }: Pick<StoreFixture, 'pool' | 'workspaceId'>, { sessionId }: SessionRef): Promise<void> {
  await transaction(pool, workspaceId, async (tx) => {
    const { environmentId } = await getSession(tx, sessionId);
    const key = await insertEnvironmentKey(tx, { environmentId, name: null, key: `sk-rondo-env-of-${workspaceId}` });
    await insertWork(tx, { sessionId, environmentId, afterMs: 0 });
    const item = await offerWork(tx, environmentId, 0);
    await mintWorkToken(tx, { workId: item?.id ?? '', claim: 1, keyId: key.id });
    await notePoller(tx, environmentId, 'a worker');
  });
}

/** A vault with a credential; what is sealed does not matter here. */
async function fillVault({ pool, workspaceId }: Pick<StoreFixture, 'pool' | 'workspaceId'>): Promise<void> {
  await transaction(pool, workspaceId, async (tx) => {
    const { id: vaultId } = await insertVault(tx, { displayName: 'A vault', metadata: {} });
    await insertCredential(tx, {
      id: newId('credential'),
      vaultId,
      displayName: null,
      metadata: {},
      auth: { type: 'static_bearer', mcp_server_url: 'https://mcp.example.com' },
      target: 'https://mcp.example.com',
      expiresAt: null,
      sealed: { secret: Buffer.from('sealed') },
    });
  });
}

/** A file and a skill with their blobs; the bytes do not matter here. */
async function fillFilesAndSkills({ pool, workspaceId }: Pick<StoreFixture, 'pool' | 'workspaceId'>): Promise<void> {
  await transaction(pool, workspaceId, async (tx) => {
    const stored = { sizeBytes: 1, sha256: '00' };
    await insertFile(tx, { filename: 'a.txt', mimeType: 'text/plain', ...stored, blobKey: await reserveBlob(tx) });
    await insertSkill(tx, { name: 'a-skill', description: 'Does it.', displayName: 'A skill', ...stored, blobKey: await reserveBlob(tx) });
  });
}

/** Something attached and mounted, and an output taken. */
async function fillMounts({ pool, store }: Pick<StoreFixture, 'pool' | 'store'>, ref: SessionRef): Promise<void> {
  const blobKey = await transaction(pool, ref.workspaceId, async (tx) => {
    await insertResource(tx, ref.sessionId, { id: newId('resource'), type: 'file', mountPath: '/workspace/a', body: { file_id: 'file_a' } });
    return reserveBlob(tx);
  });
  await store.locked(ref, async (session) => {
    await session.claimMounts({ keys: ['a resource'], generation: 1, holder: 'a worker', leaseMs: 1_000 });
    const output = { filename: 'out.txt', mimeType: 'text/plain', sizeBytes: 1, sha256: '00', blobKey };
    await session.saveOutput({ path: 'out.txt', sizeBytes: 1, modifiedMs: 1 }, output);
  });
}

/** A question about a host, and a line of the audit. */
async function fillEgress({ pool, store }: Pick<StoreFixture, 'pool' | 'store'>, ref: SessionRef): Promise<void> {
  const target = { host: 'example.com', port: 443, method: 'GET' };
  await store.locked(ref, (session) => session.askNetworkQuestion({ ...target, timeoutMs: 60_000 }));
  const decided = { protocol: 'https', path: '/', decision: 'allow', rule: 'a rule', status: 200, error: null } as const;
  const counted = { generation: 1, bytesUp: 0, bytesDown: 1, credentialIds: [], toolCallIds: null, startedAt: new Date(), durationMs: 1 };
  await transaction(pool, ref.workspaceId, (tx) => insertEgressRequests(tx, [{ sessionId: ref.sessionId, ...target, ...decided, ...counted }]));
}

/** A checkpoint with a pack, a request for a file, and a session that was deleted. */
async function fillCheckpoint(workspace: Pick<StoreFixture, 'pool' | 'store' | 'workspaceId'>, ref: SessionRef): Promise<void> {
  const { pool, store, workspaceId } = workspace;
  const gone = await aSession(workspace);
  const [blobKey, pack] = await transaction(pool, workspaceId, async (tx) => {
    await deleteSession(tx, gone.sessionId);
    await insertWorkspaceRequest(tx, { id: newId('workspaceRequest'), sessionId: ref.sessionId, kind: 'read', path: 'a' });
    return [await reserveBlob(tx), await reserveBlob(tx)] as const;
  });
  const counts = { files: 1, bytes: 1, storedBytes: 1, skipped: [], skippedCount: 0 };
  await store.locked(ref, (session) => session.saveCheckpoint({ ...counts, generation: 1, blobKey, packs: [pack] }));
}

/** Runs statements as the application's role; the workspace is set the way transactions set it, or not at all. */
async function asApplication<T>(workspaceId: string | undefined, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  if (workspaceId !== undefined) return transaction(fixture.pool, workspaceId, (tx) => work(tx as unknown as pg.PoolClient));
  const client = await fixture.pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
}

const countAsOwner = async (table: string, workspaceId: string): Promise<number> => {
  const { rows } = await owner.query<{ count: string }>(`select count(*) from ${table} where workspace_id = $1`, [workspaceId]);
  return Number(rows[0]?.count);
};

/** A row of a table as JSON, read past every policy, without what the database computes itself. */
async function rowOf(table: string, workspaceId: string): Promise<Record<string, unknown>> {
  const { rows } = await owner.query<{ row: Record<string, unknown> }>(`select to_jsonb(t) as row from ${table} t where workspace_id = $1 limit 1`, [
    workspaceId,
  ]);
  const row = rows[0]?.row;
  if (!row) throw new Error(`${table} has no row of ${workspaceId}`);
  const computed = await owner.query<{ name: string }>(`select attname as name from pg_attribute where attrelid = $1::regclass and attgenerated <> ''`, [
    table,
  ]);
  for (const { name } of computed.rows) delete row[name];
  return row;
}

const insertRow = (client: pg.PoolClient, table: string, row: Record<string, unknown>) => {
  const columns = Object.keys(row).join(', ');
  return client.query(`insert into ${table} (${columns}) overriding system value select ${columns} from jsonb_populate_record(null::${table}, $1)`, [
    JSON.stringify(row),
  ]);
};

describe('the rows of a workspace', () => {
  it('lie in these tables, each with rows of two workspaces here', async () => {
    expect(tables).toEqual([
      'agent_versions',
      'agents',
      'api_keys',
      'attempts',
      'blobs',
      'call_output',
      'checkpoint_packs',
      'checkpoints',
      'deleted_sessions',
      'deltas',
      'effects',
      'egress_requests',
      'egress_totals',
      'environment_images',
      'environment_keys',
      'environments',
      'events',
      'files',
      'inbox',
      'invocations',
      'mcp_tool_lists',
      'network_questions',
      'resource_mounts',
      'sandboxes',
      'session_resources',
      'sessions',
      'skill_versions',
      'skills',
      'taken_outputs',
      'tool_calls',
      'vault_credentials',
      'vaults',
      'work_items',
      'work_pollers',
      'work_tokens',
      'workspace_requests',
    ]);
    for (const table of tables) {
      expect(await countAsOwner(table, fixture.workspaceId), table).toBeGreaterThan(0);
      expect(await countAsOwner(table, fixture.otherWorkspaceId), table).toBeGreaterThan(0);
    }
  });

  it('are guarded by forced row-level security, and no other table holds content', async () => {
    const { rows } = await owner.query<{ name: string; enabled: boolean; forced: boolean }>(
      `select relname as name, relrowsecurity as enabled, relforcerowsecurity as forced from pg_class
       where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by 1`,
    );
    const guarded = rows.filter(({ enabled, forced }) => enabled && forced).map(({ name }) => name);
    expect(guarded).toEqual([...tables, 'workspaces'].sort());
    expect(rows.map(({ name }) => name).filter((name) => !guarded.includes(name))).toEqual([
      'pool_members',
      'sandbox_hosts',
      'schema_migrations',
      'worker_status',
    ]);
  });

  it('are invisible to a query that forgot its workspace, also on a connection that had one before', async () => {
    await asApplication(fixture.workspaceId, (tx) => tx.query('select 1'));
    for (const table of [...tables, 'workspaces']) {
      const { rows } = await asApplication(undefined, (client) => client.query(`select * from ${table}`));
      expect(rows, table).toEqual([]);
    }
  });

  it('are out of reach of a statement that forgot its workspace: nothing is changed, deleted or added', async () => {
    for (const table of tables) {
      const before = await countAsOwner(table, fixture.workspaceId);
      const row = await rowOf(table, fixture.workspaceId);
      await asApplication(undefined, async (client) => {
        expect((await client.query(`update ${table} set workspace_id = workspace_id`)).rowCount, table).toBe(0);
        expect((await client.query(`delete from ${table}`)).rowCount, table).toBe(0);
        await expect(insertRow(client, table, row), table).rejects.toMatchObject(DENIED);
      });
      expect(await countAsOwner(table, fixture.workspaceId), table).toBe(before);
    }
  });

  it('are neither seen nor written by another workspace', async () => {
    const { workspaceId, otherWorkspaceId } = fixture;
    for (const table of tables) {
      const before = await countAsOwner(table, workspaceId);
      const foreign = await rowOf(table, workspaceId);
      const { rows } = await asApplication(otherWorkspaceId, (tx) => tx.query<{ workspace_id: string }>(`select workspace_id from ${table}`));
      expect(new Set(rows.map((row) => row.workspace_id)), table).toEqual(new Set([otherWorkspaceId]));
      await asApplication(otherWorkspaceId, async (tx) => {
        expect((await tx.query(`update ${table} set workspace_id = workspace_id where workspace_id = $1`, [workspaceId])).rowCount, table).toBe(0);
        expect((await tx.query(`delete from ${table} where workspace_id = $1`, [workspaceId])).rowCount, table).toBe(0);
      });
      await expect(
        asApplication(otherWorkspaceId, (tx) => insertRow(tx, table, foreign)),
        table,
      ).rejects.toMatchObject(DENIED);
      await expect(
        asApplication(otherWorkspaceId, (tx) => tx.query(`update ${table} set workspace_id = $1`, [workspaceId])),
        `${table}: a row cannot be given away`,
      ).rejects.toMatchObject(DENIED);
      expect(await countAsOwner(table, workspaceId), table).toBe(before);
    }
  });

  it('stay hidden from a transaction whose workspace id is not one', async () => {
    await expect(transaction(fixture.pool, "wrkspc_x'; reset role; --", (tx) => tx.query('select 1'))).rejects.toMatchObject({ code: 'internal' });
  });
});

describe("the application's role", () => {
  it('has no right beyond its rows, and owns nothing', async () => {
    const { rows } = await owner.query(
      `select rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication,
         (select count(*)::int from pg_shdepend d where d.refobjid = r.oid and d.deptype = 'o') as owned,
         (select count(*)::int from pg_auth_members m where m.member = r.oid) as memberships
       from pg_roles r where rolname = 'rondo_app'`,
    );
    expect(rows).toEqual([{ rolsuper: false, rolcreatedb: false, rolcreaterole: false, rolbypassrls: false, rolreplication: false, owned: 0, memberships: 0 }]);
  });

  it.each([
    'create table planted (id text)',
    'create schema planted',
    'create function planted() returns int language sql as $$ select 1 $$',
    'create extension dblink',
    'create role planted',
    'alter table events disable row level security',
    'alter table events no force row level security',
    'create policy planted on events using (true)',
    'drop policy own_workspace on events',
    'alter function sessions_to_wake(integer) reset search_path',
    'truncate events',
    'select * from schema_migrations',
    "insert into workspaces (id, name) values ('wrkspc_planted0', 'planted')",
    'alter role rondo_app bypassrls',
  ])('may not: %s', async (statement) => {
    await expect(asApplication(fixture.workspaceId, (tx) => tx.query(statement))).rejects.toMatchObject(DENIED);
  });

  it('does not get past the policies by switching them off', async () => {
    const attempt = asApplication(undefined, async (client) => {
      await client.query('begin; set local row_security = off');
      try {
        return await client.query('select * from events');
      } finally {
        await client.query('rollback');
      }
    });
    await expect(attempt).rejects.toMatchObject(DENIED);
  });

  it('may call these functions that look past the policies; they answer ids and nothing else, and nobody else may call them', async () => {
    const { rows } = await owner.query<{ name: string; answers: string; public: boolean }>(
      `select p.proname as name, pg_get_function_result(p.oid) as answers,
         exists (select 1 from aclexplode(p.proacl) a where a.grantee = 0) or p.proacl is null as public
       from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef order by 1`,
    );
    expect(rows).toEqual([
      { name: 'all_workspaces', answers: 'TABLE(workspace_id text)', public: false },
      { name: 'blobs_to_delete', answers: 'TABLE(key text, workspace_id text)', public: false },
      { name: 'claim_workspace_requests', answers: 'TABLE(id text, workspace_id text)', public: false },
      { name: 'drop_old_workspace_requests', answers: 'void', public: false },
      { name: 'environment_of_key', answers: 'TABLE(key_id text, workspace_id text, environment_id text)', public: false },
      { name: 'expire_files', answers: 'TABLE(id text)', public: false },
      { name: 'forget_sandbox_hosts', answers: 'SETOF text', public: false },
      { name: 'idle_sandboxes', answers: 'TABLE(session_id text, workspace_id text, fence bigint)', public: false },
      { name: 'images_to_build', answers: 'TABLE(workspace_id text, packages_hash text)', public: false },
      { name: 'note_deleted_session', answers: 'trigger', public: false },
      { name: 'places_for_sandbox', answers: 'TABLE(host_id text, task_queue text, place text, free integer)', public: false },
      // When a host was last heard of, and where: nothing of a session.
      { name: 'report_sandbox_host', answers: 'TABLE(heard_of timestamp with time zone, same_folder boolean)', public: false },
      { name: 'sandbox_names_known', answers: 'SETOF text', public: false },
      { name: 'sandboxes_in_use', answers: 'TABLE(session_id text, workspace_id text, name text, terminated boolean, elsewhere boolean)', public: false },
      {
        name: 'sessions_on_host',
        answers:
          'TABLE(session_id text, workspace_id text, unkept boolean, over boolean, moved boolean, generation integer, here boolean, kept integer, blob_key text)',
        public: false,
      },
      { name: 'sessions_to_wake', answers: 'TABLE(session_id text, workspace_id text)', public: false },
      { name: 'unused_sandboxes', answers: 'TABLE(session_id text, workspace_id text, fence bigint)', public: false },
      {
        name: 'work_of_token',
        answers: 'TABLE(workspace_id text, environment_id text, session_id text, work_id text, claim integer, held boolean)',
        public: false,
      },
      { name: 'work_to_end', answers: 'TABLE(work_id text, session_id text, workspace_id text)', public: false },
      { name: 'workspace_of_key', answers: 'TABLE(key_id text, workspace_id text)', public: false },
    ]);
  });

  it('gets from them the ids of every workspace, of a key only by its whole hash', async () => {
    await owner.query(`update sessions set wake_next_at = now() - interval '1 second' where wake_needed`);
    const both = new Set([fixture.workspaceId, fixture.otherWorkspaceId]);
    const wakes = await fixture.pool.query('select * from sessions_to_wake(50)');
    expect(new Set(wakes.rows.map((row) => row.workspace_id))).toEqual(both);
    for (const row of wakes.rows) expect(row).toEqual({ session_id: expect.stringMatching(/^sesn_/), workspace_id: expect.stringMatching(/^wrkspc_/) });
    const sandboxes = await fixture.pool.query(`select * from sandboxes_in_use('a host')`);
    expect(new Set(sandboxes.rows.map((row) => row.workspace_id))).toEqual(both);
    const key = await fixture.pool.query(`select * from workspace_of_key(sha256('the-key-of-one-workspace'))`);
    expect(key.rows).toEqual([{ key_id: expect.stringMatching(/^apikey_/), workspace_id: fixture.workspaceId }]);
    expect((await fixture.pool.query(`select * from workspace_of_key(sha256('another key'))`)).rows).toEqual([]);
  });
});
