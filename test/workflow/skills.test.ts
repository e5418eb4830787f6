import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Platform } from '../support/platform.js';
import { readLog } from '../support/sessions.js';
import { aSession, errorsOf, run, startWithShell } from './mounts.fixture.js';

let platform: Platform;

beforeAll(async () => {
  platform = await startWithShell();
});
afterAll(() => platform?.stop());

/** A skill of two files; each version says which it is. */
const files = (version: string) => [
  new File([`---\nname: tables\ndescription: Makes tables of ${version} quality.\n---\nRun script.sh.\n`], 'tables/SKILL.md'),
  new File([`#!/bin/sh\necho made by ${version}\n`], 'tables/scripts/script.sh'),
];

const systemPrompt = (): string => JSON.stringify((platform.rehearsal.requests().at(-1)?.body as { system?: unknown } | undefined)?.system ?? '');

it('a skill is in the sandbox, and the model is told of it', async () => {
  const skill = await platform.sdk.beta.skills.create({ display_name: 'Tables', files: files('first') });
  const session = await aSession(platform, { skills: [{ type: 'custom', skill_id: skill.id }] });
  expect(await run(platform, session.id, 'sh /mnt/skills/tables/scripts/script.sh; head -2 /mnt/skills/tables/SKILL.md')).toBe(
    'made by first\n---\nname: tables',
  );
  expect(systemPrompt()).toContain('tables (/mnt/skills/tables/SKILL.md): Makes tables of first quality.');
  expect(errorsOf(await readLog(platform, session.id))).toEqual([]);
});

it('a session keeps the version it was made with, a later one gets the newest', async () => {
  const skill = await platform.sdk.beta.skills.create({ display_name: 'Tables', files: files('old') });
  const before = await aSession(platform, { skills: [{ type: 'custom', skill_id: skill.id }] });
  await platform.sdk.beta.skills.versions.create(skill.id, { files: files('new') });
  const after = await aSession(platform, { skills: [{ type: 'custom', skill_id: skill.id }] });
  expect(await run(platform, before.id, 'sh /mnt/skills/tables/scripts/script.sh')).toBe('made by old');
  expect(await run(platform, after.id, 'sh /mnt/skills/tables/scripts/script.sh')).toBe('made by new');
});

it('the agent can read a skill with its file tools and may write beside it', async () => {
  const skill = await platform.sdk.beta.skills.create({ display_name: 'Tables', files: files('own') });
  const session = await aSession(platform, { skills: [{ type: 'custom', skill_id: skill.id }] });
  expect(await run(platform, session.id, 'echo note > /mnt/skills/tables/note && stat -c %u /mnt/skills/tables/SKILL.md')).toBe('10001');
});
