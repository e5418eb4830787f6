import { expect, it } from 'vitest';
import { serviceEnvironment } from './environment.js';
import { VARIABLES } from './variables.js';

it("gives services of others the system's settings", () => {
  const ordinary = { PATH: '/usr/bin', HOME: '/root', LC_ALL: 'C', HTTPS_PROXY: 'http://proxy:1', no_proxy: 'localhost', XDG_RUNTIME_DIR: '/run/user/0' };
  expect(serviceEnvironment(ordinary)).toEqual(ordinary);
});

it('gives services of others no setting of Rondo and nothing it does not know', () => {
  const ours = Object.fromEntries(VARIABLES.map(({ name }) => [name, 'secret']));
  const others = { AWS_SECRET_ACCESS_KEY: 'secret', MY_PATH: 'secret', PATH_TO_KEY: 'secret', PGPASSWORD: 'secret' };
  expect(serviceEnvironment({ ...ours, ...others, PATH: '/usr/bin' })).toEqual({ PATH: '/usr/bin' });
});
