import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root, writtenFiles } from './source-tree.js';

const MAXIMUM_LINES = 500;
const THINK_AGAIN_LINES = 250;

const files = writtenFiles();
const sizes = files.map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length - 1 })).sort((a, b) => b.lines - a.lines);

test('no file has more than 500 lines', () => {
  expect(sizes.length).toBeGreaterThan(200);
  const large = sizes.filter(({ lines }) => lines > THINK_AGAIN_LINES);
  if (large.length > 0) console.info(`Over ${THINK_AGAIN_LINES} lines, think again: ${large.map(({ file, lines }) => `${file} (${lines})`).join(', ')}`);
  expect(sizes.filter(({ lines }) => lines > MAXIMUM_LINES)).toEqual([]);
});

test('most files are short: half of the code files have at most 80 lines', () => {
  const code = sizes.filter(({ file }) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  expect(code.length).toBeGreaterThan(100);
  expect(code[Math.floor(code.length / 2)]?.lines).toBeLessThanOrEqual(80);
});

test('no drawer for things without a name: utils, helpers, common, misc', () => {
  const drawer = /(^|\/|[.-])(utils?|helpers?|common|misc|shared)(\/|[.-])/;
  expect('apps/gateway/utils/dates.ts').toMatch(drawer);
  expect('infra/string-helpers.ts').toMatch(drawer);
  expect(files.filter((file) => drawer.test(file))).toEqual([]);
});

test('file names are words in lower case, joined by dashes, with their role after a dot', () => {
  const code = files.filter((file) => /\.(ts|mjs)$/.test(file));
  expect(code.length).toBeGreaterThan(200);
  expect(code.filter((file) => !/^([a-z0-9-]+\/)+[a-z0-9-]+(\.[a-z0-9-]+)*\.(ts|mjs)$/.test(file))).toEqual([]);
});
