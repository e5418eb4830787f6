import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { root } from './source-tree.js';

const Manifest = z.object({ dependencies: z.record(z.string(), z.string()), devDependencies: z.record(z.string(), z.string()) });
const manifest = Manifest.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
const versions = { ...manifest.dependencies, ...manifest.devDependencies };
const guide = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');

/** Packages named in the first column of a table row of one section. */
const explained = (section: string): string[] =>
  section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''))
    .sort();

test('every dependency has its reason written down, and nothing else has', () => {
  const [, runtime = '', development = ''] = guide.split(/^## /m);
  expect(explained(runtime)).toEqual(Object.keys(manifest.dependencies).sort());
  expect(explained(development)).toEqual(Object.keys(manifest.devDependencies).sort());
});

test('versions are exact', () => {
  expect(Object.keys(versions).length).toBeGreaterThan(20);
  expect(Object.entries(versions).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});

test('the packages of Temporal have one version', () => {
  const temporal = Object.entries(versions).filter(([name]) => name.startsWith('@temporalio/'));
  expect(temporal.length).toBeGreaterThanOrEqual(5);
  expect(new Set(temporal.map(([, version]) => version)).size).toBe(1);
});
