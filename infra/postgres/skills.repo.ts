import type { SkillVersionRecord } from '../../workflows/contract/file-records.js';
import { newId } from '../ids.js';
import { takeBlob } from './blobs.repo.js';
import { toText } from './json.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, toPage } from './page.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

export interface SkillRecord {
  readonly id: string;
  /** Kebab case; the same in every version. */
  readonly name: string;
  readonly displayName: string;
  readonly latestVersionId: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type NewSkillVersion = Pick<SkillVersionRecord, 'name' | 'description' | 'blobKey' | 'sizeBytes'>;

const COLUMNS = `id, name, display_name as "displayName", latest_version_id as "latestVersionId", created_at as "createdAt", updated_at as "updatedAt"`;
const VERSION_COLUMNS = `skill_id as "skillId", id as "versionId", name, description, blob_key as "blobKey", size_bytes as "sizeBytes", created_at as "createdAt"`;

/** A skill with its first version. */
export async function insertSkill(tx: Transaction, skill: NewSkillVersion & { readonly displayName: string }): Promise<SkillRecord> {
  const versionId = newId('skillVersion');
  const { rows } = await tx.query<SkillRecord>(
    `insert into skills (id, workspace_id, name, display_name, latest_version_id) values ($1, $2, $3, $4, $5) returning ${COLUMNS}`,
    [newId('skill'), tx.workspaceId, skill.name, toText(skill.displayName), versionId],
  );
  const inserted = only(rows);
  await insertVersion(tx, inserted.id, versionId, skill);
  return inserted;
}

/** A further version, `latest` from now on. The skill must have been locked. */
export async function addSkillVersion(tx: Transaction, skillId: string, version: NewSkillVersion): Promise<SkillVersionRecord> {
  const added = await insertVersion(tx, skillId, newId('skillVersion'), version);
  await tx.query('update skills set latest_version_id = $2, updated_at = now() where id = $1', [skillId, added.versionId]);
  return added;
}

export async function findSkill(tx: Transaction, id: string): Promise<SkillRecord | undefined> {
  const { rows } = await tx.query<SkillRecord>(`select ${COLUMNS} from skills where id = $1`, [id]);
  return rows[0];
}

/** The skill, locked, so that its versions change one after another. */
export async function lockSkill(tx: Transaction, id: string): Promise<SkillRecord | undefined> {
  const { rows } = await tx.query<SkillRecord>(`select ${COLUMNS} from skills where id = $1 for update`, [id]);
  return rows[0];
}

export async function listSkills(tx: Transaction, page: PageRequest): Promise<Page<SkillRecord>> {
  const where = createFilter();
  where.after('created_at', page);
  const { rows } = await tx.query<SkillRecord & { position: Position }>(
    `select ${COLUMNS}, ${positionOf('created_at')} from skills ${where.sql}
     order by created_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return toPage(rows, page.limit);
}

/** Whether there was such a skill. Its versions go with it. */
export async function deleteSkill(tx: Transaction, id: string): Promise<boolean> {
  return (await tx.query('delete from skills where id = $1', [id])).rowCount === 1;
}

/** A version by its id, or the newest one (`latest`, and where none is named). `undefined` where the skill or version is not there. */
export async function resolveSkillVersion(tx: Transaction, skillId: string, version?: string): Promise<SkillVersionRecord | undefined> {
  const { rows } = await tx.query<SkillVersionRecord>(
    `select ${VERSION_COLUMNS} from skill_versions
     where skill_id = $1 and id = coalesce($2, (select latest_version_id from skills where id = $1))`,
    [toText(skillId), version === undefined || version === 'latest' ? null : toText(version)],
  );
  return rows[0];
}

export async function listSkillVersions(tx: Transaction, skillId: string, page: PageRequest): Promise<Page<SkillVersionRecord>> {
  const where = createFilter();
  where.where(skillId, (parameter) => `skill_id = ${parameter}`);
  where.after('created_at', page);
  const { rows } = await tx.query<SkillVersionRecord & { position: Position }>(
    `select ${VERSION_COLUMNS}, ${positionOf('created_at')} from skill_versions ${where.sql}
     order by created_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return toPage(rows, page.limit);
}

/**
 * Deletes one version of a locked skill; `latest` falls back to the newest that is left. `last`: it is the only one and stays,
 * as a skill holds at least one version.
 */
export async function deleteSkillVersion(tx: Transaction, skillId: string, versionId: string): Promise<'deleted' | 'last'> {
  const { rowCount } = await tx.query(
    `update skills set updated_at = now(), latest_version_id = (
       select id from skill_versions where skill_id = $1 and id <> $2 order by created_at desc, id desc limit 1)
     where id = $1 and exists (select 1 from skill_versions where skill_id = $1 and id <> $2)`,
    [skillId, versionId],
  );
  if (rowCount === 0) return 'last';
  await tx.query('delete from skill_versions where skill_id = $1 and id = $2', [skillId, versionId]);
  return 'deleted';
}

async function insertVersion(tx: Transaction, skillId: string, id: string, version: NewSkillVersion): Promise<SkillVersionRecord> {
  await takeBlob(tx, version.blobKey);
  const { rows } = await tx.query<SkillVersionRecord>(
    `insert into skill_versions (id, skill_id, workspace_id, name, description, size_bytes, blob_key) values ($1, $2, $3, $4, $5, $6, $7)
     returning ${VERSION_COLUMNS}`,
    [id, skillId, tx.workspaceId, version.name, toText(version.description), version.sizeBytes, version.blobKey],
  );
  return only(rows);
}
