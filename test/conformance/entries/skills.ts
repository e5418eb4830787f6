import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import type { Entries } from '../entry.js';
import { expectRefused } from '../expect-error.js';
import { expectListed } from '../pages.js';
import { expectMoment, expectShape } from '../shape.js';
import { SKILL, SKILL_VERSION } from '../shapes.js';
import type { World } from '../world.js';

async function withSkill({ client, skillFiles, unique }: World) {
  const name = unique('skill');
  return { name, skill: await client.beta.skills.create({ files: await skillFiles(name, 'Is used in a test.') }) };
}

async function withTwoVersions(world: World) {
  const { name, skill } = await withSkill(world);
  const second = await world.client.beta.skills.versions.create(skill.id, { files: await world.skillFiles(name, 'Is used again.') });
  return { name, skill, second };
}

/** File names stand in the clear in a zip and in an unpacked tar, the two formats that the SDK's worker takes. */
const namesIn = (archive: Buffer): string => (archive.subarray(0, 2).toString() === 'PK' ? archive : gunzipSync(archive)).toString('latin1');

export const skills: Entries = {
  'skills.create': {
    'stores the files and answers the skill': async ({ client, skillFiles, unique }) => {
      const name = unique('skill');
      const skill = await client.beta.skills.create({ files: await skillFiles(name, 'Is used in a test.'), display_name: `Shown ${name}` });
      expectShape(skill, SKILL);
      expect(skill).toMatchObject({ display_name: `Shown ${name}`, source: { type: 'custom' } });
      expect(skill.id).toMatch(/^skill_/);
      expectMoment(skill.created_at);
    },
    'refuses files without SKILL.md with 400': async ({ client, skillFiles, unique }) => {
      const [, script] = await skillFiles(unique('skill'), 'Has no SKILL.md.');
      await expectRefused(client.beta.skills.create({ files: script ? [script] : [] }), 400);
    },
  },
  'skills.retrieve': {
    'answers what was created': async (world) => {
      const { skill } = await withSkill(world);
      const found = await world.client.beta.skills.retrieve(skill.id);
      expectShape(found, SKILL);
      expect({ ...found }).toEqual({ ...skill });
    },
    'refuses what is not there with 404': async ({ client }) => {
      await expectRefused(client.beta.skills.retrieve('skill_01JD0000000000000000000000'), 404);
    },
  },
  'skills.list': {
    'finds every skill once, page by page': async (world) => {
      const made = [(await withSkill(world)).skill, (await withSkill(world)).skill];
      await expectListed(world.client.beta.skills.list({ limit: 1, source: 'custom' }), made);
    },
  },
  'skills.delete': {
    'removes the skill': async (world) => {
      const { skill } = await withSkill(world);
      expect(await world.client.beta.skills.delete(skill.id)).toMatchObject({ id: skill.id, type: 'skill_deleted' });
      await expectRefused(world.client.beta.skills.retrieve(skill.id), 404);
    },
  },
  'skills.versions.create': {
    'makes the latest version': async (world) => {
      const { name, skill, second } = await withTwoVersions(world);
      expectShape(second, SKILL_VERSION);
      expect(second).toMatchObject({ skill_id: skill.id, name, description: 'Is used again.' });
      expect((await world.client.beta.skills.retrieve(skill.id)).latest_version_id).toBe(second.id);
    },
  },
  'skills.versions.retrieve': {
    'answers a version by its id': async (world) => {
      const { skill } = await withTwoVersions(world);
      const first = await world.client.beta.skills.versions.retrieve(skill.latest_version_id, { skill_id: skill.id });
      expectShape(first, SKILL_VERSION);
      expect(first.description).toBe('Is used in a test.');
    },
    'knows the latest by that word': async (world) => {
      const { skill, second } = await withTwoVersions(world);
      expect((await world.client.beta.skills.versions.retrieve('latest', { skill_id: skill.id })).id).toBe(second.id);
    },
  },
  'skills.versions.list': {
    'finds every version once, page by page': async (world) => {
      const { skill, second } = await withTwoVersions(world);
      await expectListed(world.client.beta.skills.versions.list(skill.id, { limit: 1 }), [{ id: skill.latest_version_id }, second]);
    },
  },
  'skills.versions.delete': {
    'removes the version': async (world) => {
      const { skill, second } = await withTwoVersions(world);
      expect(await world.client.beta.skills.versions.delete(second.id, { skill_id: skill.id })).toMatchObject({ type: 'skill_version_deleted' });
      await expectRefused(world.client.beta.skills.versions.retrieve(second.id, { skill_id: skill.id }), 404);
    },
  },
  'skills.versions.download': {
    'answers an archive with the files': async (world) => {
      const { name, skill } = await withSkill(world);
      const response = await world.client.beta.skills.versions.download(skill.latest_version_id, { skill_id: skill.id });
      const archive = Buffer.from(await response.arrayBuffer());
      for (const file of [`${name}/SKILL.md`, `${name}/scripts/use.py`]) expect(namesIn(archive)).toContain(file);
    },
  },
};
