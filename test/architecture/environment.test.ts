import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { VARIABLES } from '../../infra/config/variables.js';
import { root, sourceFiles } from './source-tree.js';

const READS_ENVIRONMENT =
  /\bprocess\s*(\?\.|\.)\s*env\b|\bprocess\s*\[\s*['"`]env|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b|import\s*\{[^}]*\benv\b[^}]*\}\s*from\s*'(node:)?process'/;

/** Text that tells somebody else's program to read its environment. */
const PRINTED_FOR_OTHERS = ['apps/cli/go-on.ts'];

const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const product = sourceFiles(['apps', 'workflows', 'activities', 'infra', 'bench']).filter((file) => !file.endsWith('.test.ts'));

test('the environment is read in infra/config only', () => {
  const readers = product.filter((file) => READS_ENVIRONMENT.test(read(file)));
  expect(product.length).toBeGreaterThan(100);
  expect(readers.filter((file) => file.startsWith('infra/config/'))).not.toEqual([]);
  expect(readers.filter((file) => !file.startsWith('infra/config/') && !PRINTED_FOR_OTHERS.includes(file))).toEqual([]);
});

test.each(['process.env.HOME', "process['env']", 'const { env } = process;', "import { env } from 'node:process';", 'process?.env'])(
  'the search finds %s',
  (text) => {
    expect(text).toMatch(READS_ENVIRONMENT);
  },
);

test('every setting is used by something', () => {
  const texts = product.filter((file) => !file.startsWith('infra/config/')).map(read);
  const isUsed = (field: string): boolean => texts.some((text) => new RegExp(`\\b${field}\\b`).test(text));
  const unused = VARIABLES.filter(({ at }) => !isUsed(at.split('.')[1] ?? at)).map(({ name }) => name);
  expect(VARIABLES.length).toBeGreaterThan(20);
  expect(unused).toEqual([]);
});
