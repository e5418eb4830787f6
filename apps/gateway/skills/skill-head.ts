import { parseDocument } from 'yaml';
import { RondoError } from '../../../workflows/contract/errors.js';
import { SkillHead } from '../../../workflows/contract/schema/skill.js';
import { describeIssues } from '../http/describe-issues.js';

/** Characters; more than any head needs, and little enough to be parsed at once. */
const LONGEST_HEAD = 16_384;

/**
 * What the YAML at the top of a SKILL.md says. Where it has no name, the directory's is taken. Errors: `skill.invalid`.
 */
export function readSkillHead(content: Uint8Array, directory: string): SkillHead {
  const found = /^---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)/s.exec(textOf(content));
  const head = found?.[1];
  if (head === undefined) throw invalid('must begin with a head in YAML between two lines of three dashes, with name and description.');
  if (head.length > LONGEST_HEAD) throw invalid(`has a head of more than ${LONGEST_HEAD} characters.`);
  const fields = parseYaml(head);
  const parsed = SkillHead.safeParse({ name: directory, ...fields });
  if (parsed.success) return parsed.data;
  throw invalid(
    `has a head that cannot be used: ${describeIssues(parsed.error.issues)
      .map(({ field, problem }) => `${field}: ${problem}`)
      .join('; ')}`,
  );
}

function textOf(content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (cause) {
    throw Object.assign(invalid('must be a text in UTF-8.'), { cause });
  }
}

function parseYaml(head: string): Record<string, unknown> {
  try {
    const document = parseDocument(head, { uniqueKeys: true });
    const value: unknown = document.errors.length === 0 ? document.toJS({ maxAliasCount: 0 }) : undefined;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Aliases and nesting without end are thrown; our own words follow.
  }
  throw invalid('has a head that is not plain YAML: write one "key: value" per line.');
}

const invalid = (problem: string): RondoError => new RondoError('skill.invalid', `SKILL.md: ${problem}`);
