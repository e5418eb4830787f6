import { StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { RondoError } from '../../../workflows/contract/errors.js';
import { describeIssues } from './describe-issues.js';

/**
 * Nest takes the keys `constructor` and `prototype` out of every body, however deep: out of metadata and of the schemas of
 * tools, where they are names like any other. Values are checked by schemas and never merged into one another, so that no
 * key can reach a prototype.
 */
class Validation extends StandardSchemaValidationPipe {
  protected override stripProtoKeys(): void {}
}

/** Every `schema` of a route's body or query is checked by this one pipe. */
export const validation = (): StandardSchemaValidationPipe => new Validation({ exceptionFactory: invalid });

/** The same check for what arrives neither as a body nor as a query, such as the fields of a form. Errors: `request.invalid`. */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(result.error.issues);
}

function invalid(issues: Parameters<typeof describeIssues>[0]): RondoError {
  const problems = describeIssues(issues);
  return new RondoError('request.invalid', problems.map(({ field, problem }) => (field ? `${field}: ${problem}` : problem)).join('; '), {
    details: { problems, ...(problems.every(({ field }) => /^metadata\b/.test(field)) && { error_code: 'invalid_metadata' }) },
  });
}
