import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { cruise, type ICruiseOptions, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser';
import { expect, onTestFinished, test } from 'vitest';
import { plantViolations, VIOLATIONS } from './planted-violations.js';
import { FOLDERS, root, sourceFiles } from './source-tree.js';

interface Configuration {
  readonly forbidden: (IForbiddenRuleType & { readonly name: string })[];
  readonly options: ICruiseOptions;
}

const configuration = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as Configuration;

/** `cruise` looks at paths from the working directory, so both trees are looked at from their own root. */
async function check(baseDir: string): Promise<ICruiseResult> {
  const { forbidden, options } = configuration;
  const folders = FOLDERS.filter((folder) => existsSync(join(baseDir, folder)));
  const { output } = await cruise(folders, { ...options, baseDir, validate: true, ruleSet: { forbidden } });
  if (typeof output === 'string') throw new Error(output);
  return output;
}

const ours = (result: ICruiseResult): string[] => result.modules.map(({ source }) => source).filter((source) => FOLDERS.includes(source.split('/')[0] ?? ''));

test('imports follow the layout, and every source file was looked at', async () => {
  const result = await check(root);
  expect(result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)).toEqual([]);
  const seen = ours(result).sort();
  expect(seen.length).toBeGreaterThan(100);
  expect(seen).toEqual(sourceFiles());
});

test('each rule finds a planted violation', async () => {
  const planted = plantViolations();
  onTestFinished(planted.remove);
  const { violations } = (await check(planted.folder)).summary;
  const found = new Set(violations.map(({ rule, from }) => `${rule.name} ${from}`));
  const expected = configuration.forbidden.map(({ name }) => `${name} ${VIOLATIONS[name]?.[0]}`);
  expect([...found]).toEqual(expect.arrayContaining(expected));
});
