import type { DueMount, MountClaim } from '../../workflows/contract/file-records.js';
import type { Transaction } from './transaction.js';

/** Whether a mount needs nothing more: it is in this sandbox, or has failed in this turn. */
const IS_DONE = `(m.state = 'mounted' and m.generation = $2 or m.state = 'failed' and m.turn >= s.turn)`;

/** What a sandbox of the session has not got yet; whole directories before files, and outer ones before inner ones, so that none finds its place taken. */
export async function dueMounts(tx: Transaction, sessionId: string, generation: number): Promise<DueMount[]> {
  const { rows } = await tx.query<DueMount>({
    name: 'due_mounts',
    text: `with wanted as (
        select r.id as key, r.type, r.mount_path, r.body, r.created_at from session_resources r
        where r.session_id = $1 and r.type in ('file', 'github_repository')
        union all
        select 'skill:' || (skill->>'versionId'), 'skill', '/mnt/skills/' || (skill->>'name'), skill, k.created_at
        from sessions k, jsonb_array_elements(k.skills) as skill where k.id = $1
      )
      select key, type, mount_path as "mountPath", body from wanted w
      where not exists (select 1 from resource_mounts m join sessions s on s.id = m.session_id where m.session_id = $1 and m.key = w.key and ${IS_DONE})
      order by type = 'file', length(mount_path), created_at, key`,
    values: [sessionId, generation],
  });
  return rows;
}

/** Takes those mounts for `leaseMs` that need something, and that nobody else is at. The session must be locked. */
export async function claimMounts(
  tx: Transaction,
  sessionId: string,
  claim: { readonly keys: readonly string[]; readonly generation: number; readonly holder: string; readonly leaseMs: number },
): Promise<MountClaim[]> {
  const { rows } = await tx.query<MountClaim>({
    name: 'claim_mounts',
    text: `insert into resource_mounts as m (session_id, workspace_id, key, generation, state, placed, holder, lease_until, turn, attempt)
     select $1, $3, wanted.key, $2, 'mounting', false, $5, clock_timestamp() + $6 * interval '1 millisecond', s.turn, 1
     from sessions s, unnest($4::text[]) as wanted (key) where s.id = $1
     on conflict (session_id, key) do update
       set generation = excluded.generation, state = 'mounting', holder = excluded.holder, lease_until = excluded.lease_until,
         turn = excluded.turn, attempt = m.attempt + 1
       where not (m.state = 'mounting' and coalesce(m.lease_until > clock_timestamp(), false))
         and not exists (select 1 from sessions s where s.id = m.session_id and ${IS_DONE})
     returning key, attempt, turn, coalesce(old.placed, false) as placed, coalesce(old.state = 'mounting', false) as doubtful`,
    values: [sessionId, claim.generation, tx.workspaceId, claim.keys, claim.holder, claim.leaseMs],
  });
  return rows;
}

/** Keeps mounts for longer. False when one of them was taken by somebody else meanwhile. */
export async function renewMounts(
  tx: Transaction,
  sessionId: string,
  held: { readonly keys: readonly string[]; readonly holder: string; readonly leaseMs: number },
): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update resource_mounts set lease_until = clock_timestamp() + $4 * interval '1 millisecond'
     where session_id = $1 and key = any($2) and holder = $3 and state = 'mounting' and lease_until is not null`,
    [sessionId, held.keys, held.holder, held.leaseMs],
  );
  return rowCount === held.keys.length;
}

/**
 * Says how mounts ended, or gives them back undecided (`mounting`). Answers which of them were still the holder's: of the others, which
 * were taken by somebody else meanwhile, nothing may be said.
 */
export async function endMounts(
  tx: Transaction,
  sessionId: string,
  end: { readonly keys: readonly string[]; readonly holder: string; readonly state: 'mounting' | 'mounted' | 'failed' },
): Promise<ReadonlySet<string>> {
  if (end.keys.length === 0) return new Set();
  const { rows } = await tx.query<{ key: string }>({
    name: 'end_mounts',
    text: `update resource_mounts set state = $4, placed = placed or $4 = 'mounted', lease_until = null
     where session_id = $1 and key = any($2) and holder = $3 and state = 'mounting' and lease_until is not null returning key`,
    values: [sessionId, end.keys, end.holder, end.state],
  });
  return new Set(rows.map(({ key }) => key));
}
