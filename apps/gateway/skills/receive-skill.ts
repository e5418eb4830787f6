import { buffer } from 'node:stream/consumers';
import type { Request } from 'express';
import type { KeepBlob } from '../../../infra/blobs/keep-blob.js';
import type { NewSkillVersion } from '../../../infra/postgres/skills.repo.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import { readForm } from '../http/multipart.js';
import { packSkill } from './pack-skill.js';
import { readSkillFiles } from './skill-files.js';
import { readSkillHead } from './skill-head.js';

const MOST_FILES = 500;

/**
 * Takes in the form of a new skill or version and keeps its archive; whoever gets the answer must refer to the blob. The files
 * are held in memory, within the bounds of any other body. Errors: `skill.invalid`, `request.*`.
 */
export async function receiveSkill(
  request: Request,
  options: { readonly workspaceId: string; readonly keepBlob: KeepBlob; readonly maxBodyBytes: number },
): Promise<{ readonly version: NewSkillVersion; readonly fields: ReadonlyMap<string, string> }> {
  const sent: { filename: string; content: Buffer }[] = [];
  const fields = await readForm(request, { files: MOST_FILES, totalBytes: options.maxBodyBytes }, async ({ field, filename, content }) => {
    if (field !== 'files[]' && field !== 'files') {
      throw new RondoError('request.invalid', `${JSON.stringify(field)} is not a known field; the files of a skill are named files[].`);
    }
    sent.push({ filename, content: await buffer(content) });
  });
  const { directory, files } = readSkillFiles(sent);
  const head = files.find(({ path }) => path === 'SKILL.md');
  if (!head) throw new Error('A skill was let in without its SKILL.md.');
  const { name, description } = readSkillHead(head.content, directory);
  const { blobKey, sizeBytes } = await options.keepBlob(options.workspaceId, packSkill(name, files));
  return { version: { name, description, blobKey, sizeBytes }, fields };
}
