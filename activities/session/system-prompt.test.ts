import { expect, it } from 'vitest';
import { type SystemPromptParts, systemPrompt } from './system-prompt.js';

const skill = { skillId: 'skill_1', versionId: 'skillver_1', name: 'tables', description: 'Makes tables.' };
const parts = (given: Partial<SystemPromptParts>) =>
  systemPrompt({ system: null, tools: 'none', network: { networking: undefined, variables: [] }, resources: [], skills: [], ...given });
const file = (mountPath: string) => ({ type: 'file' as const, mountPath, body: {} });

it('is only what the author wrote where there are no tools for files', () => {
  expect(parts({})).toBeUndefined();
  expect(parts({ system: 'Be brief.', resources: [file('/workspace/a')], skills: [skill] })).toBe('Be brief.');
});

it('begins with the author, then tells of the sandbox and its outputs', () => {
  expect(parts({ system: 'Be brief.', tools: 'sandbox' })).toMatch(/^Be brief\.\n\n.*network\.\n.*\/workspace.*\n.*\/mnt\/session\/outputs/);
});

it('names what is mounted, and where a repository came from', () => {
  const repository = { type: 'github_repository' as const, mountPath: '/workspace/x', body: { url: 'https://example.com/o/x', checkout: null } };
  const prompt = parts({ tools: 'sandbox', resources: [file('/mnt/session/uploads/a.csv'), repository] });
  expect(prompt).toContain('- file /mnt/session/uploads/a.csv\n- git repository /workspace/x, cloned from https://example.com/o/x');
});

it('counts what would be too many to name', () => {
  const prompt = parts({ tools: 'sandbox', resources: Array.from({ length: 999 }, (_, index) => file(`/workspace/${index}`)) });
  expect(prompt).toContain('- and 899 more');
  expect(prompt).not.toContain('/workspace/100');
});

it('names skills with their place: in the sandbox, or below the working directory of a worker', () => {
  expect(parts({ tools: 'sandbox', skills: [skill] })).toContain('- tables (/mnt/skills/tables/SKILL.md): Makes tables.');
  const worker = parts({ tools: 'worker', skills: [skill], resources: [file('/workspace/a')] });
  expect(worker).toContain('- tables (skills/tables/SKILL.md): Makes tables.');
  expect(worker).not.toMatch(/\/workspace|\/mnt/);
});
