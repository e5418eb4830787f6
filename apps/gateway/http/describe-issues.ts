import { z } from 'zod';

/** What is wrong with one field, for a caller. `field` is a path such as `tools[0].name`, empty for the whole. */
export interface Problem {
  readonly field: string;
  readonly problem: string;
}

interface Issue {
  readonly message: string;
  readonly path?: readonly unknown[] | undefined;
}

const MOST_PROBLEMS = 8;

/** Says in plain words which fields are wrong and what they accept. */
export const describeIssues = (issues: readonly Issue[]): Problem[] =>
  issues.flatMap((issue) => describe(issue as z.core.$ZodIssue, [])).slice(0, MOST_PROBLEMS);

/** For a parse: says of an unknown field what is known in its place. */
export const nameKnownFields: z.core.$ZodErrorMap = ({ code, inst }) => {
  if (code !== 'unrecognized_keys') return undefined;
  return `is not a known field${inst instanceof z.ZodObject ? `; known here: ${Object.keys(inst.shape).join(', ')}` : ''}`;
};

function describe(issue: z.core.$ZodIssue, parents: readonly PropertyKey[]): Problem[] {
  const path = [...parents, ...issue.path];
  const field = fieldName(path);
  switch (issue.code) {
    case 'invalid_union':
      return describeUnion(issue, path);
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ field: fieldName([...path, key.slice(0, 100)]), problem: issue.message }));
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.flatMap((inner) => describe(inner, path));
    default:
      if (path.length === 0 && MISSING.test(issue.message)) return [{ field, problem: 'The body is missing; send a JSON object.' }];
      return [{ field, problem: plain(issue.message) }];
  }
}

/** The branch whose value got furthest is the one that was meant; where none did, all of them are named. */
function describeUnion(issue: z.core.$ZodIssueInvalidUnion, path: readonly PropertyKey[]): Problem[] {
  const reached = issue.errors.filter((branch) => branch.every((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'));
  const meant = reached[0] ?? issue.errors.find((branch) => branch.every((inner) => inner.code !== 'invalid_type'));
  if (meant) return meant.flatMap((inner) => describe(inner, path));
  if (issue.errors.length === 0) return [{ field: fieldName(path), problem: plain(issue.message) }];
  const accepted = issue.errors.flatMap((branch) => branch.map((inner) => (inner.code === 'invalid_type' ? inner.expected : plain(inner.message))));
  const isMissing = issue.errors.some((branch) => branch.some((inner) => inner.path.length === 0 && MISSING.test(inner.message)));
  return [{ field: fieldName(path), problem: `${isMissing ? 'is required; accepted' : 'must be one of'}: ${[...new Set(accepted)].join(', ')}` }];
}

/** How zod says that there is no value. */
const MISSING = /^Invalid input: expected (.+), received undefined$/;

const plain = (message: string): string =>
  message
    .replace(MISSING, 'is required; accepted: $1')
    .replace(/^Invalid (input|option|discriminator value)[:.] */i, '')
    .replace(/^E?xpected /, 'expected ');

const fieldName = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((name, part) => (typeof part === 'number' ? `${name}[${part}]` : name === '' ? String(part) : `${name}.${String(part)}`), '');
