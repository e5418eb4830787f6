import type { SessionImage } from '../../workflows/contract/sandbox-records.js';
import type { PackageLists } from '../../workflows/contract/schema/packages.js';
import type { Pool } from './pool.js';
import type { Transaction } from './transaction.js';

export interface ImageToBuild {
  readonly workspaceId: string;
  readonly packagesHash: string;
}

/** How long whoever builds is believed to be alive. */
const LEASE = '60 seconds';

/** What this host has not built yet, of all workspaces. */
export async function imagesToBuild(pool: Pool, hostId: string, most: number): Promise<ImageToBuild[]> {
  const { rows } = await pool.query<ImageToBuild>(`select workspace_id as "workspaceId", packages_hash as "packagesHash" from images_to_build($1, $2)`, [
    hostId,
    most,
  ]);
  return rows;
}

/** No host has this name, so it has built nothing. */
const NO_HOST = '';

/** The packages of all environments that are in use, of all workspaces. */
export async function imagesWanted(pool: Pool): Promise<string[]> {
  const wanted = await imagesToBuild(pool, NO_HOST, 2 ** 31 - 1);
  return [...new Set(wanted.map(({ packagesHash }) => packagesHash))];
}

/** The list behind a hash, as some environment has it; undefined when none has it any more. */
export async function findPackages(tx: Transaction, packagesHash: string): Promise<PackageLists | undefined> {
  const { rows } = await tx.query<{ packages: PackageLists }>(
    `select config -> 'packages' as packages from environments where packages_hash(config) = $1 limit 1`,
    [packagesHash],
  );
  return rows[0]?.packages;
}

/** False when somebody else builds it, or has. */
export async function claimImage(tx: Transaction, hostId: string, packagesHash: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    `insert into environment_images (workspace_id, packages_hash, host_id, state, lease_until)
     values ($1, $2, $3, 'building', clock_timestamp() + interval '${LEASE}')
     on conflict (workspace_id, packages_hash, host_id) do update set state = 'building', error = null, lease_until = excluded.lease_until, updated_at = clock_timestamp()
     where environment_images.state = 'failed' or (environment_images.state = 'building' and environment_images.lease_until < clock_timestamp())`,
    [tx.workspaceId, packagesHash, hostId],
  );
  return rowCount === 1;
}

export async function renewImage(tx: Transaction, hostId: string, packagesHash: string): Promise<void> {
  await tx.query(
    `update environment_images set lease_until = clock_timestamp() + interval '${LEASE}' where packages_hash = $1 and host_id = $2 and state = 'building'`,
    [packagesHash, hostId],
  );
}

export async function endImage(tx: Transaction, hostId: string, packagesHash: string, error: string | null): Promise<void> {
  await tx.query(
    `update environment_images set state = case when $3::text is null then 'ready' else 'failed' end, error = $3, lease_until = null, updated_at = clock_timestamp()
     where packages_hash = $1 and host_id = $2`,
    [packagesHash, hostId, error],
  );
}

/** What the next sandbox of a session is made of on this host. */
export async function findSessionImage(tx: Transaction, sessionId: string, hostId: string): Promise<SessionImage> {
  const { rows } = await tx.query<SessionImage>(
    `select packages_hash(e.config) as "packagesHash", case when packages_hash(e.config) is null then 'none' else coalesce(i.state, 'building') end as state, i.error,
       exists (select 1 from sandboxes b where b.session_id = s.id and b.state = 'ready') as "isRunning"
     from sessions s join environments e on e.id = s.environment_id
     left join environment_images i on i.workspace_id = s.workspace_id and i.packages_hash = packages_hash(e.config) and i.host_id = $2
     where s.id = $1`,
    [sessionId, hostId],
  );
  return rows[0] ?? { packagesHash: null, state: 'none', error: null, isRunning: false };
}

export async function forgetSessionImage(tx: Transaction, sessionId: string, hostId: string): Promise<void> {
  await tx.query(
    `delete from environment_images i using sessions s join environments e on e.id = s.environment_id
     where s.id = $1 and i.workspace_id = s.workspace_id and i.packages_hash = packages_hash(e.config) and i.host_id = $2 and i.state = 'ready'`,
    [sessionId, hostId],
  );
}
