import { expect } from 'vitest';
import type { Entries } from '../entry.js';
import { expectRefused } from '../expect-error.js';
import { expectListed, readAll } from '../pages.js';
import { expectMoment, expectShape } from '../shape.js';
import { ENVIRONMENT } from '../shapes.js';

export const environments: Entries = {
  'environments.create': {
    'answers a cloud environment with its defaults': async ({ client, unique }) => {
      const name = unique('cloud');
      const environment = await client.beta.environments.create({ name, metadata: { tier: 'one' } });
      expectShape(environment, ENVIRONMENT);
      expect(environment).toMatchObject({ name, description: null, metadata: { tier: 'one' }, archived_at: null });
      expect(environment.config).toMatchObject({ type: 'cloud', networking: { type: 'unrestricted' }, packages: { pip: [], npm: [] } });
    },
    'stores limited networking and packages': async ({ client, unique }) => {
      const networking = { type: 'limited' as const, allowed_hosts: ['example.com'], allow_package_managers: true };
      const { config } = await client.beta.environments.create({
        name: unique('limited'),
        config: { type: 'cloud', networking, packages: { pip: ['requests'] } },
      });
      expect(config).toMatchObject({ networking: { ...networking, allow_mcp_servers: false }, packages: { pip: ['requests'], apt: [] } });
    },
    'takes a self-hosted environment': async ({ client, unique }) => {
      const { config } = await client.beta.environments.create({ name: unique('own'), config: { type: 'self_hosted' } });
      expect(config).toMatchObject({ type: 'self_hosted' });
    },
    'refuses a name that is taken with 409, not to be repeated': async ({ client, environment }) => {
      const { name } = await environment();
      const error = await expectRefused(client.beta.environments.create({ name }), 409);
      expect(error.headers?.get('x-should-retry')).toBe('false');
    },
  },
  'environments.retrieve': {
    'answers what was created': async ({ client, environment }) => {
      const created = await environment();
      const found = await client.beta.environments.retrieve(created.id);
      expectShape(found, ENVIRONMENT);
      expect({ ...found }).toEqual({ ...created });
    },
    'refuses what is not there with 404': async ({ client }) => {
      await expectRefused(client.beta.environments.retrieve('env_01JD0000000000000000000000'), 404);
    },
  },
  'environments.update': {
    'changes what is named and keeps the rest': async ({ client, unique }) => {
      const packages = { pip: ['requests'] };
      const { id } = await client.beta.environments.create({ name: unique('before'), config: { type: 'cloud', packages }, metadata: { a: '1', b: '2' } });
      const name = unique('after');
      const updated = await client.beta.environments.update(id, { name, description: 'Renamed.', metadata: { a: null, c: '3' } });
      expectShape(updated, ENVIRONMENT);
      expect(updated).toMatchObject({ id, name, description: 'Renamed.', config: { type: 'cloud', packages } });
      expect(updated.metadata).toEqual({ b: '2', c: '3' });
      expect({ ...(await client.beta.environments.retrieve(id)) }).toEqual({ ...updated });
    },
    'refuses another type of configuration by its error code': async ({ client, environment }) => {
      const { id } = await environment();
      const error = await expectRefused(client.beta.environments.update(id, { config: { type: 'self_hosted' } }), 400);
      expect(error.error).toMatchObject({ error: { details: { error_code: 'invalid_config_type_change' } } });
    },
  },
  'environments.list': {
    'finds every environment once, page by page': async ({ client, environment }) => {
      const made = [await environment(), await environment(), await environment()];
      await expectListed(client.beta.environments.list({ limit: 2 }), made);
    },
    'leaves out archived ones unless asked': async ({ client, environment }) => {
      const { id } = await environment();
      await client.beta.environments.archive(id);
      expect((await readAll(client.beta.environments.list())).map((one) => one.id)).not.toContain(id);
      expect((await readAll(client.beta.environments.list({ include_archived: true }))).map((one) => one.id)).toContain(id);
    },
  },
  'environments.delete': {
    'removes the environment and frees its name': async ({ client, environment }) => {
      const { id, name } = await environment();
      expect(await client.beta.environments.delete(id)).toMatchObject({ id, type: 'environment_deleted' });
      await expectRefused(client.beta.environments.retrieve(id), 404);
      expect((await client.beta.environments.create({ name })).name).toBe(name);
    },
  },
  'environments.archive': {
    'marks the environment, which stays readable': async ({ client, environment }) => {
      const { id } = await environment();
      const archived = await client.beta.environments.archive(id);
      expectShape(archived, ENVIRONMENT);
      expectMoment(archived.archived_at);
      expect((await client.beta.environments.retrieve(id)).archived_at).toBe(archived.archived_at);
    },
    'refuses updates and sessions by its error code': async ({ client, agent, environment }) => {
      const { id } = await environment();
      await client.beta.environments.archive(id);
      const update = await expectRefused(client.beta.environments.update(id, { description: 'Too late.' }), 400);
      expect(update.error).toMatchObject({ error: { details: { error_code: 'environment_archived' } } });
      await expectRefused(client.beta.sessions.create({ agent: (await agent()).id, environment_id: id }), 400);
    },
  },
};
