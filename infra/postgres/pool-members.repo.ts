import { monotonicFactory } from 'ulid';
import type { PoolMember } from '../../workflows/contract/sandbox-records.js';
import type { Db } from './pool.js';
import { only } from './rows.js';

const nextUlid = monotonicFactory();

/** Claims and misses older than this say nothing about what is wanted now. */
const KEPT = '10 minutes';

/** Known before its sandbox is made, so that a crash leaves nothing that nobody knows of. `nameOf` makes its name of its id. */
async function insertMember(db: Db, of: { readonly hostId: string; readonly kind: string; readonly nameOf: (id: string) => string }): Promise<PoolMember> {
  const id = nextUlid();
  const { rows } = await db.query<PoolMember>(
    `insert into pool_members (id, host_id, kind, name, state) values ($1, $2, $3, $4, 'starting') returning ${COLUMNS}`,
    [id, of.hostId, of.kind, of.nameOf(id)],
  );
  return only(rows);
}

const COLUMNS = `id, kind, name, state, extract(epoch from clock_timestamp() - created_at)::float8 as "ageSeconds"`;

/** False when it was thrown away meanwhile. */
async function makeMemberWarm(db: Db, id: string): Promise<boolean> {
  const { rowCount } = await db.query(`update pool_members set state = 'warm' where id = $1 and state = 'starting'`, [id]);
  return rowCount === 1;
}

/** Gives away the oldest member of a kind; its name. A wish that none is ready for is remembered. */
export async function claimMember(db: Db, { hostId, kind }: { readonly hostId: string; readonly kind: string }): Promise<string | undefined> {
  const { rows } = await db.query<{ name: string }>({
    name: 'claim_pool_member',
    text: `update pool_members set state = 'claimed', claimed_at = clock_timestamp() where id = (
        select id from pool_members where host_id = $1 and kind = $2 and state = 'warm' order by created_at limit 1 for update skip locked
      ) returning name`,
    values: [hostId, kind],
  });
  if (rows[0]) return rows[0].name;
  await wishMember(db, { hostId, kind });
  return undefined;
}

/** Remembers that one was wanted, or will be. */
async function wishMember(db: Db, { hostId, kind }: { readonly hostId: string; readonly kind: string }): Promise<void> {
  await db.query(`insert into pool_members (id, host_id, kind, state, claimed_at) values ($1, $2, $3, 'missed', clock_timestamp())`, [
    nextUlid(),
    hostId,
    kind,
  ]);
}

/** Those that are nobody's yet, oldest first. */
async function listMembers(db: Db, hostId: string): Promise<PoolMember[]> {
  const { rows } = await db.query<PoolMember>(`select ${COLUMNS} from pool_members where host_id = $1 and state in ('starting', 'warm') order by created_at`, [
    hostId,
  ]);
  return rows;
}

/** How often each kind was wanted within this time, whether one was ready or not. */
async function claimsOf(db: Db, hostId: string, seconds: number): Promise<Map<string, number>> {
  await db.query(`delete from pool_members where host_id = $1 and claimed_at < clock_timestamp() - interval '${KEPT}'`, [hostId]);
  const { rows } = await db.query<{ kind: string; claims: number }>(
    `select kind, count(*)::integer as claims from pool_members
     where host_id = $1 and claimed_at > clock_timestamp() - make_interval(secs => $2) group by kind`,
    [hostId, seconds],
  );
  return new Map(rows.map(({ kind, claims }) => [kind, claims]));
}

/** Takes a member that is to be thrown away out of reach of everybody; false when it was claimed, or somebody else does it. */
async function dropMember(db: Db, id: string): Promise<boolean> {
  const { rowCount } = await db.query(`delete from pool_members where id = $1 and state in ('starting', 'warm')`, [id]);
  return rowCount === 1;
}

/** Of these names, those that some session's row names, of all workspaces. */
async function namesKnown(db: Db, names: readonly string[]): Promise<Set<string>> {
  const { rows } = await db.query<{ name: string }>('select sandbox_names_known($1) as name', [names]);
  return new Set(rows.map(({ name }) => name));
}

/** What the pool of a host keeps in mind (activities/sandbox/pool.ts). */
export const createPoolMembers = (pool: Db) => ({
  insert: (of: Parameters<typeof insertMember>[1]) => insertMember(pool, of),
  makeWarm: (id: string) => makeMemberWarm(pool, id),
  wish: (of: Parameters<typeof wishMember>[1]) => wishMember(pool, of),
  list: (hostId: string) => listMembers(pool, hostId),
  claims: (hostId: string, seconds: number) => claimsOf(pool, hostId, seconds),
  drop: (id: string) => dropMember(pool, id),
  known: (names: readonly string[]) => namesKnown(pool, names),
});
