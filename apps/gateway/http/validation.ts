import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { RondoError } from '../../../workflows/contract/errors.js';
import { describeIssues, nameKnownFields } from './describe-issues.js';

/**
 * Every `schema` of a route's body or query is checked by this one pipe. Nest's own takes the keys `constructor` and `prototype`
 * out of every body, however deep: out of metadata and of the schemas of tools, where they are names like any other.
 */
export const validation = (): PipeTransform => ({
  transform(value: unknown, { schema }: ArgumentMetadata) {
    if (schema === undefined) return value;
    if (!(schema instanceof z.ZodType)) throw new TypeError('What a route takes is described by a schema of zod, and by nothing else.');
    return check(schema, value);
  },
});

/** The same check for what arrives neither as a body nor as a query, such as the fields of a form. Errors: `request.invalid`. */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value, { error: nameKnownFields });
  if (result.success) return result.data;
  throw invalid(result.error.issues);
}

function invalid(issues: Parameters<typeof describeIssues>[0]): RondoError {
  const problems = describeIssues(issues);
  return new RondoError('request.invalid', problems.map(({ field, problem }) => (field ? `${field}: ${problem}` : problem)).join('; '), {
    details: { problems, ...(problems.every(({ field }) => /^metadata\b/.test(field)) && { error_code: 'invalid_metadata' }) },
  });
}
