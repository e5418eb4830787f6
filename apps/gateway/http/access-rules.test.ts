import { expect, it } from 'vitest';
import { findAccessRule } from './access-rules.js';

const ruleOf = (method: string, path: string): string | undefined => findAccessRule(method, path)?.rule.path;

it('a literal path wins over an id in the same place', () => {
  expect(ruleOf('GET', '/v1/environments/env_1/work/poll')).toBe('/v1/environments/:environment_id/work/poll');
  expect(ruleOf('GET', '/v1/environments/env_1/work/stats')).toBe('/v1/environments/:environment_id/work/stats');
});

it('the ids of the path are named', () => {
  expect(findAccessRule('POST', '/v1/environments/env_1/work/work_2/heartbeat')?.ids).toEqual({ environment_id: 'env_1', work_id: 'work_2' });
});

it.each([
  ['POST', '/v1/environments/env_1/work/work_2'],
  ['GET', '/v1/environments/env_1/work/work_2'],
  ['POST', '/v1/environments/env_1/keys'],
  ['GET', '/v1/environments/env_1'],
  ['POST', '/v1/sessions'],
  ['GET', '/v1/sessions'],
  ['DELETE', '/v1/sessions/sesn_1'],
  ['POST', '/v1/sessions/sesn_1'],
  ['POST', '/v1/sessions/sesn_1/kill'],
  ['HEAD', '/v1/sessions/sesn_1'],
  ['POST', '/v1/invoke'],
  ['GET', '/v1/files'],
])('%s %s is for API keys only', (method, path) => {
  expect(ruleOf(method, path)).toBeUndefined();
});

it.each(['/v1/Sessions/sesn_1', '/v1/sessions/sesn_1/', '/v1//sessions/sesn_1', '/v1/sessions/sesn%5F1', '/v1/sessions/..', '/v1/sessions/'])(
  'another spelling of a path opens nothing: %s',
  (path) => {
    expect(ruleOf('GET', path)).toBeUndefined();
  },
);
