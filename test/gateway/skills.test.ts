import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extractSkillArchive } from '@anthropic-ai/sdk/tools/agent-toolset/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEY, OTHER_KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ RONDO_MAX_BODY_BYTES: '2000000' });
});
afterAll(() => gateway?.stop());

const HEAD = '---\nname: release-notes\ndescription: Writes release notes.\n---\n# How\n';
const aFile = (path: string, content = 'x') => new File([content], path);
const skillFiles = (head = HEAD) => [aFile('release-notes/scripts/run.sh', '#!/bin/sh\necho hi\n'), aFile('release-notes/SKILL.md', head)];
const create = (files = skillFiles()) => gateway.sdk().beta.skills.create({ files });

describe('skills, by the official SDK', () => {
  it('are created, retrieved, listed and deleted', async () => {
    const skill = await create();
    expect(skill).toEqual({
      id: expect.stringMatching(/^skill_/),
      type: 'skill',
      display_name: 'release-notes',
      latest_version_id: expect.stringMatching(/^skillver_/),
      source: { type: 'custom' },
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
    expect(await gateway.sdk().beta.skills.retrieve(skill.id)).toEqual(skill);
    const listed = await gateway.sdk().beta.skills.list({ source: 'custom' });
    expect(listed.data[0]).toEqual(skill);
    expect((await gateway.sdk().beta.skills.list({ source: 'anthropic' })).data).toEqual([]);
    expect((await gateway.sdk().beta.skills.list({ source: null })).data[0]).toEqual(skill);
    expect(await gateway.sdk().beta.skills.delete(skill.id)).toEqual({ id: skill.id, type: 'skill_deleted' });
    await expect(gateway.sdk().beta.skills.retrieve(skill.id)).rejects.toMatchObject({ status: 404 });
    await expect(gateway.sdk().beta.skills.versions.retrieve('latest', { skill_id: skill.id })).rejects.toMatchObject({ status: 404 });
  });

  it('keep a label of their own', async () => {
    const skill = await gateway.sdk().beta.skills.create({ files: skillFiles(), display_name: 'Release notes' });
    expect(skill.display_name).toBe('Release notes');
  });

  it('are named after their directory where the head has no name', async () => {
    const skill = await create([aFile('my-skill/SKILL.md', '---\ndescription: Does it.\n---\n')]);
    expect(await gateway.sdk().beta.skills.versions.retrieve('latest', { skill_id: skill.id })).toMatchObject({ name: 'my-skill', description: 'Does it.' });
  });

  it('have versions, the newest of which is latest', async () => {
    const { versions } = gateway.sdk().beta.skills;
    const skill = await create();
    const added = await versions.create(skill.id, { files: skillFiles(HEAD.replace('Writes', 'Rewrites')) });
    expect(added).toEqual({
      id: expect.stringMatching(/^skillver_/),
      type: 'skill_version',
      skill_id: skill.id,
      name: 'release-notes',
      description: 'Rewrites release notes.',
      created_at: expect.any(String),
    });
    expect(await versions.retrieve('latest', { skill_id: skill.id })).toEqual(added);
    expect(await versions.retrieve(added.id, { skill_id: skill.id })).toEqual(added);
    const listed: string[] = [];
    for await (const { id } of versions.list(skill.id, { limit: 1 })) listed.push(id);
    expect(listed).toEqual([added.id, skill.latest_version_id]);
    expect((await gateway.sdk().beta.skills.retrieve(skill.id)).latest_version_id).toBe(added.id);

    expect(await versions.delete(added.id, { skill_id: skill.id })).toEqual({ id: added.id, type: 'skill_version_deleted' });
    expect(await versions.retrieve('latest', { skill_id: skill.id })).toMatchObject({ id: skill.latest_version_id });
    await expect(versions.delete(skill.latest_version_id, { skill_id: skill.id })).rejects.toMatchObject({ status: 400 });
    await expect(versions.delete(added.id, { skill_id: skill.id })).rejects.toMatchObject({ status: 404 });
  });

  it('keep their name in every version', async () => {
    const skill = await create();
    const renamed = HEAD.replace('release-notes', 'other-name');
    await expect(gateway.sdk().beta.skills.versions.create(skill.id, { files: skillFiles(renamed) })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('every version'),
    });
    const other = await create();
    await expect(gateway.sdk().beta.skills.versions.retrieve(other.latest_version_id, { skill_id: skill.id })).rejects.toMatchObject({ status: 404 });
  });

  it("are unpacked by the SDK's worker as they were sent, scripts executable", async () => {
    const files = [aFile('any/SKILL.md', HEAD), aFile('any/scripts/run.sh', '#!/bin/sh\n'), aFile(`any/${'deep/'.repeat(25)}ü.txt`, 'deep')];
    const skill = await create(files);
    const version = await gateway.sdk().beta.skills.versions.retrieve('latest', { skill_id: skill.id });
    const response = await gateway.sdk().beta.skills.versions.download(version.id, { skill_id: skill.id });
    expect(response.headers.get('content-disposition')).toContain('release-notes.tar.gz');
    const folder = await mkdtemp(join(tmpdir(), 'rondo-skill-'));
    try {
      await extractSkillArchive(response, folder);
      expect((await readdir(folder)).sort()).toEqual(['SKILL.md', 'deep', 'scripts']);
      expect(await readFile(join(folder, 'SKILL.md'), 'utf8')).toBe(HEAD);
      expect(await readFile(join(folder, 'deep/'.repeat(25), 'ü.txt'), 'utf8')).toBe('deep');
      expect((await stat(join(folder, 'scripts/run.sh'))).mode & 0o777).toBe(0o755);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('of the same files have the same archive, in whatever order they came', async () => {
    const bytes = async (files: File[]) => {
      const skill = await create(files);
      return (await gateway.sdk().beta.skills.versions.download(skill.latest_version_id, { skill_id: skill.id })).bytes();
    };
    expect(await bytes(skillFiles())).toEqual(await bytes(skillFiles().reverse()));
  });

  it('are invisible to another workspace', async () => {
    const skill = await create();
    const other = gateway.sdk(OTHER_KEY).beta.skills;
    const gone = { status: 404 };
    await expect(other.retrieve(skill.id)).rejects.toMatchObject(gone);
    await expect(other.delete(skill.id)).rejects.toMatchObject(gone);
    await expect(other.versions.retrieve('latest', { skill_id: skill.id })).rejects.toMatchObject(gone);
    await expect(other.versions.download(skill.latest_version_id, { skill_id: skill.id })).rejects.toMatchObject(gone);
    await expect(other.versions.create(skill.id, { files: skillFiles() })).rejects.toMatchObject(gone);
    await expect(other.versions.list(skill.id)).rejects.toMatchObject(gone);
    expect((await other.list()).data).toEqual([]);
  });

  it('take versions from many senders at once, each kept', async () => {
    const skill = await create();
    const added = await Promise.all(Array.from({ length: 8 }, () => gateway.sdk().beta.skills.versions.create(skill.id, { files: skillFiles() })));
    const listed = await gateway.sdk().beta.skills.versions.list(skill.id, { limit: 100 });
    expect(new Set(listed.data.map(({ id }) => id))).toEqual(new Set([skill.latest_version_id, ...added.map(({ id }) => id)]));
    expect((await gateway.sdk().beta.skills.retrieve(skill.id)).latest_version_id).toBe(listed.data[0]?.id);
  });
});

describe('a skill that cannot be used', () => {
  const SKILL = aFile('k/SKILL.md', HEAD);
  it.each([
    ['nothing', [], 'files\\[\\]: is missing'],
    ['no SKILL.md', [aFile('k/README.md')], 'SKILL.md is missing'],
    ['a SKILL.md too deep', [aFile('k/sub/SKILL.md', HEAD)], 'SKILL.md is missing'],
    ['two directories', [SKILL, aFile('l/a')], 'more than one directory'],
    ['a way out', [SKILL, aFile('k/../../etc/cron.d/x')], 'must be relative'],
    ['an absolute path', [aFile('/k/SKILL.md', HEAD)], 'must be relative'],
    ['a backslash', [SKILL, aFile('k/..\\x')], 'not accepted'],
    ['a path without end', [SKILL, aFile(`k/${'x'.repeat(300)}`)], 'longer than 200'],
    ['a file twice', [SKILL, aFile('k/a'), aFile('k/a')], 'given twice'],
    ['a file that is a directory', [SKILL, aFile('k/a'), aFile('k/a/b')], 'a file and a directory'],
    ['an archive', [aFile('skill.zip', 'PK\x03\x04')], 'an archive is not unpacked here'],
    ['too many files', [SKILL, ...Array.from({ length: 500 }, (_, index) => aFile(`k/${index}`))], 'more than 500 files'],
    ['no head', [aFile('k/SKILL.md', '# Just text')], 'must begin with a head'],
    ['a head without end', [aFile('k/SKILL.md', '---\nname: a\n')], 'must begin with a head'],
    ['no description', [aFile('k/SKILL.md', '---\nname: a\n---\n')], 'description'],
    ['a name that is no slug', [aFile('k/SKILL.md', '---\nname: ../up\ndescription: d\n---\n')], 'kebab case'],
    ['a name without end', [aFile('k/SKILL.md', `---\nname: ${'a'.repeat(65)}\ndescription: d\n---\n`)], 'name'],
    ['a head that is a list', [aFile('k/SKILL.md', '---\n- a\n---\n')], 'not plain YAML'],
    ['a head that is broken', [aFile('k/SKILL.md', '---\nname: [a\n---\n')], 'not plain YAML'],
    ['a head nested without end', [aFile('k/SKILL.md', `---\nname: ${'['.repeat(15_000)}\n---\n`)], 'SKILL.md: has a head'],
    ['aliases that multiply', [aFile('k/SKILL.md', '---\na: &a [x,x]\nb: [*a,*a,*a]\nname: a\ndescription: d\n---\n')], 'not plain YAML'],
    ['a head that is too long', [aFile('k/SKILL.md', `---\nname: a\ndescription: ${'d'.repeat(20_000)}\n---\n`)], 'more than 16384'],
    ['a SKILL.md that is no text', [new File([new Uint8Array([0x2d, 0x2d, 0x2d, 0x0a, 0xff, 0xfe])], 'k/SKILL.md')], 'UTF-8'],
  ])('(%s) is refused with a reason, and leaves nothing', async (_case, files, reason) => {
    const before = await count();
    const form = new FormData();
    for (const file of files) form.append('files[]', file);
    const response = await fetch(`${gateway.url}/v1/skills`, { method: 'POST', headers: { authorization: `Bearer ${KEY}` }, body: form });
    const body = (await response.json()) as { error: { message: string } };
    expect(response.status, JSON.stringify(body)).toBe(reason.includes('500') ? 413 : 400);
    expect(body.error.message).toMatch(new RegExp(reason));
    expect(await count()).toBe(before);
  });

  it('is refused when all its files together are too large', async () => {
    await expect(create([aFile('k/SKILL.md', HEAD), aFile('k/big', 'x'.repeat(2_000_001))])).rejects.toMatchObject({ status: 413 });
  });

  it.each([{ display_name: '' }, { display_name: 'x'.repeat(256) }, { display_name: 'two\nlines' }])('is refused with the label %j', async (fields) => {
    await expect(gateway.sdk().beta.skills.create({ files: skillFiles(), ...fields })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('display_name'),
    });
  });

  async function count() {
    let skills = 0;
    for await (const _skill of gateway.sdk().beta.skills.list({ limit: 100 })) skills += 1;
    return skills;
  }
});
