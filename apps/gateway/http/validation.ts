import { StandardSchemaValidationPipe } from '@nestjs/common';
import { RondoError } from '../../../workflows/contract/errors.js';
import { describeIssues } from './describe-issues.js';

/** Every `schema` of a route's body or query is checked by this one pipe. */
export const validation = (): StandardSchemaValidationPipe =>
  new StandardSchemaValidationPipe({
    exceptionFactory: (issues) => {
      const problems = describeIssues(issues);
      return new RondoError('request.invalid', problems.map(({ field, problem }) => (field ? `${field}: ${problem}` : problem)).join('; '), {
        details: { problems, ...(problems.every(({ field }) => /^metadata\b/.test(field)) && { error_code: 'invalid_metadata' }) },
      });
    },
  });
