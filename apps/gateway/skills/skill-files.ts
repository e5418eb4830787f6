import { RondoError } from '../../../workflows/contract/errors.js';

/** A file of a skill, by its path within the skill's directory. */
export interface SkillFile {
  readonly path: string;
  readonly content: Buffer;
}

const LONGEST_PATH = 200;

/**
 * Checks the paths of what was sent, `directory/…`, and takes the one directory off. In the order of their paths, so that the
 * same files make the same archive. Errors: `skill.invalid`.
 */
export function readSkillFiles(sent: readonly { readonly filename: string; readonly content: Buffer }[]): {
  readonly directory: string;
  readonly files: readonly SkillFile[];
} {
  if (sent.length === 0)
    throw invalid('files[]: is missing; send each file of the skill as a part of the form, named by its path, for example my-skill/SKILL.md.');
  const files = sent.map(({ filename, content }) => ({ parts: splitPath(filename), content }));
  const directory = files[0]?.parts[0] ?? '';
  const other = files.find(({ parts }) => parts[0] !== directory)?.parts[0];
  if (other !== undefined) throw invalid(`files[]: lie in more than one directory, ${shown(directory)} and ${shown(other)}; put all of them into one.`);
  const taken = files.map(({ parts, content }) => ({ path: parts.slice(1).join('/'), content })).sort((left, right) => (left.path < right.path ? -1 : 1));
  refuseClashes(taken.map(({ path }) => path));
  if (!taken.some(({ path }) => path === 'SKILL.md')) throw invalid(`files[]: ${directory}/SKILL.md is missing; a skill must have it.`);
  return { directory, files: taken };
}

/** A path that means the same to every program that unpacks it. */
function splitPath(path: string): string[] {
  if (path === '') throw invalid('files[]: a file has no filename; it must be its path, for example my-skill/SKILL.md.');
  if (path.length > LONGEST_PATH) throw invalid(`files[]: the path ${shown(path.slice(0, 60))}… is longer than ${LONGEST_PATH} characters.`);
  if (!path.isWellFormed() || /[\p{Cc}\\]/u.test(path)) throw invalid(`files[]: the path ${shown(path)} has a character that is not accepted.`);
  const parts = path.split('/');
  if (parts.length === 1) {
    const packed = /\.(zip|tar|tgz|gz)$/i.test(path) ? 'an archive is not unpacked here: send the files themselves, each named' : 'name it';
    throw invalid(`files[]: ${shown(path)} lies in no directory; ${packed} by its path, for example my-skill/SKILL.md.`);
  }
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw invalid(`files[]: the path ${shown(path)} must be relative, without empty parts, "." and "..".`);
  }
  return parts;
}

function refuseClashes(paths: readonly string[]): void {
  const seen = new Set<string>();
  for (const path of paths) {
    if (seen.has(path)) throw invalid(`files[]: ${shown(path)} is given twice.`);
    seen.add(path);
  }
  for (const path of paths) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      if (seen.has(path.slice(0, at))) throw invalid(`files[]: ${shown(path.slice(0, at))} is a file and a directory.`);
    }
  }
}

const shown = (text: string): string => JSON.stringify(text);

const invalid = (message: string): RondoError => new RondoError('skill.invalid', message);
