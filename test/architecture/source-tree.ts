import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Folders that hold code of ours. */
export const FOLDERS = ['apps', 'workflows', 'activities', 'infra', 'scripts', 'test', 'bench', 'examples'];

/** Source files below the given folders, relative to the root, sorted. */
export const sourceFiles = (folders: readonly string[] = FOLDERS): string[] =>
  globSync(
    folders.map((folder) => `${folder}/**/*.{ts,mjs}`),
    { cwd: root },
  ).sort();

/** Everything in the tree that people wrote, whatever its kind. */
export const writtenFiles = (): string[] =>
  globSync(
    [...FOLDERS, 'docs'].map((folder) => `${folder}/**/*.*`),
    { cwd: root },
  )
    .filter((file) => !/^(test\/replay\/histories|bench\/results)\//.test(file))
    .sort();
