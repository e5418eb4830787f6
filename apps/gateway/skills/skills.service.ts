import type { Request, Response } from 'express';
import type { BlobStore } from '../../../infra/blobs/blob-store.js';
import type { KeepBlob } from '../../../infra/blobs/keep-blob.js';
import { dropBlob } from '../../../infra/postgres/blobs.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import {
  addSkillVersion,
  deleteSkill,
  deleteSkillVersion,
  findSkill,
  insertSkill,
  listSkills,
  listSkillVersions,
  lockSkill,
  type NewSkillVersion,
  resolveSkillVersion,
  type SkillRecord,
} from '../../../infra/postgres/skills.repo.js';
import { type Transaction, transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { SkillVersionRecord } from '../../../workflows/contract/file-records.js';
import { SkillFields, type SkillListQuery, type SkillVersionListQuery } from '../../../workflows/contract/schema/skill.js';
import { oneWay, readPage } from '../http/page-cursor.js';
import { knownId, notFound } from '../http/path-id.js';
import { sendContent } from '../http/send-content.js';
import { check } from '../http/validation.js';
import { receiveSkill } from './receive-skill.js';
import { toSkillVersionWire, toSkillWire } from './skill.wire.js';

interface SkillsDependencies {
  readonly pool: Pool;
  readonly blobs: BlobStore;
  readonly keepBlob: KeepBlob;
  readonly maxBodyBytes: number;
}

export class SkillsService {
  readonly #parts: SkillsDependencies;

  constructor(parts: SkillsDependencies) {
    this.#parts = parts;
  }

  async create(workspaceId: string, request: Request) {
    return toSkillWire(
      await this.#receive(workspaceId, request, (tx, version, fields) => {
        const { display_name: displayName } = check(SkillFields, Object.fromEntries(fields));
        return insertSkill(tx, { ...version, displayName: displayName ?? version.name });
      }),
    );
  }

  async createVersion(workspaceId: string, skillId: string, request: Request) {
    await this.#require(workspaceId, skillId);
    return toSkillVersionWire(
      await this.#receive(workspaceId, request, async (tx, version) => {
        const skill = await lockSkill(tx, skillId);
        if (!skill) throw notFound('skill', skillId);
        if (skill.name !== version.name) {
          throw new RondoError('skill.invalid', `SKILL.md: name: is ${version.name}, but every version of skill ${skillId} is named ${skill.name}.`);
        }
        return addSkillVersion(tx, skillId, version);
      }),
    );
  }

  /** Keeps what was sent and refers to it in one transaction; what fails leaves nothing. */
  async #receive<T>(
    workspaceId: string,
    request: Request,
    refer: (tx: Transaction, version: NewSkillVersion, fields: ReadonlyMap<string, string>) => Promise<T>,
  ): Promise<T> {
    const { pool, keepBlob, maxBodyBytes } = this.#parts;
    const { version, fields } = await receiveSkill(request, { workspaceId, keepBlob, maxBodyBytes });
    try {
      return await transaction(pool, workspaceId, (tx) => refer(tx, version, fields));
    } catch (error) {
      await transaction(pool, workspaceId, (tx) => dropBlob(tx, version.blobKey)).catch(() => undefined);
      throw error;
    }
  }

  async list(workspaceId: string, query: SkillListQuery) {
    if ((query.source ?? 'custom') !== 'custom') return { data: [], next_page: null };
    const page = readPage({ ...query, order: 'desc' });
    return oneWay(page.toWire(await transaction(this.#parts.pool, workspaceId, (tx) => listSkills(tx, page.request)), toSkillWire));
  }

  async retrieve(workspaceId: string, skillId: string) {
    return toSkillWire(await this.#require(workspaceId, skillId));
  }

  async delete(workspaceId: string, skillId: string) {
    if (!(await transaction(this.#parts.pool, workspaceId, (tx) => deleteSkill(tx, skillId)))) throw notFound('skill', skillId);
    return { id: skillId, type: 'skill_deleted' as const };
  }

  async listVersions(workspaceId: string, skillId: string, query: SkillVersionListQuery) {
    await this.#require(workspaceId, skillId);
    const page = readPage({ ...query, order: 'desc' });
    return oneWay(page.toWire(await transaction(this.#parts.pool, workspaceId, (tx) => listSkillVersions(tx, skillId, page.request)), toSkillVersionWire));
  }

  async retrieveVersion(workspaceId: string, skillId: string, version: string) {
    return toSkillVersionWire(await this.#resolve(workspaceId, skillId, version));
  }

  async download(workspaceId: string, skillId: string, version: string, request: Request, response: Response): Promise<void> {
    const { versionId, name, sizeBytes, blobKey } = await this.#resolve(workspaceId, skillId, version);
    const archive = { filename: `${name}.tar.gz`, mimeType: 'application/gzip', sizeBytes, tag: versionId };
    const sent = await sendContent(request, response, { ...archive, open: (range) => this.#parts.blobs.open(blobKey, range) });
    if (!sent) throw notFound('skillVersion', version);
  }

  async deleteVersion(workspaceId: string, skillId: string, versionId: string) {
    knownId('skillVersion', versionId);
    const outcome = await transaction(this.#parts.pool, workspaceId, async (tx) => {
      if (!(await lockSkill(tx, skillId))) throw notFound('skill', skillId);
      if (!(await resolveSkillVersion(tx, skillId, versionId))) throw notFound('skillVersion', versionId);
      return deleteSkillVersion(tx, skillId, versionId);
    });
    if (outcome === 'last') {
      throw new RondoError(
        'request.invalid',
        `Skill version ${versionId} is the only one of skill ${skillId}, and a skill has at least one; delete the skill.`,
      );
    }
    return { id: versionId, type: 'skill_version_deleted' as const };
  }

  async #require(workspaceId: string, skillId: string): Promise<SkillRecord> {
    const skill = await transaction(this.#parts.pool, workspaceId, (tx) => findSkill(tx, skillId));
    if (!skill) throw notFound('skill', skillId);
    return skill;
  }

  /** A version by its id or as `latest`. */
  async #resolve(workspaceId: string, skillId: string, version: string): Promise<SkillVersionRecord> {
    if (version !== 'latest') knownId('skillVersion', version);
    const found = await transaction(this.#parts.pool, workspaceId, (tx) => resolveSkillVersion(tx, skillId, version));
    if (!found) throw version === 'latest' ? notFound('skill', skillId) : notFound('skillVersion', version);
    return found;
  }
}
