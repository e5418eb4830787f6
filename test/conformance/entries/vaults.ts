import { expect } from 'vitest';
import type { Entries } from '../entry.js';
import { expectRefused } from '../expect-error.js';
import { expectListed, readAll } from '../pages.js';
import { expectMoment, expectShape } from '../shape.js';
import { VAULT } from '../shapes.js';
import type { World } from '../world.js';

const newVault = ({ client, unique }: World) => client.beta.vaults.create({ display_name: unique('vault') });

export const vaults: Entries = {
  'vaults.create': {
    'answers the vault': async ({ client }) => {
      const vault = await client.beta.vaults.create({ display_name: 'Keys of Ada', metadata: { user: 'ada' } });
      expectShape(vault, VAULT);
      expect(vault).toMatchObject({ display_name: 'Keys of Ada', metadata: { user: 'ada' }, archived_at: null });
      expect(vault.id).toMatch(/^vlt_/);
    },
    'refuses an empty name with 400': async ({ client }) => {
      await expectRefused(client.beta.vaults.create({ display_name: '' }), 400);
    },
  },
  'vaults.retrieve': {
    'answers what was created': async (world) => {
      const created = await newVault(world);
      const found = await world.client.beta.vaults.retrieve(created.id);
      expectShape(found, VAULT);
      expect({ ...found }).toEqual({ ...created });
    },
    'refuses what is not there with 404': async ({ client }) => {
      await expectRefused(client.beta.vaults.retrieve('vlt_01JD0000000000000000000000'), 404);
    },
  },
  'vaults.update': {
    'changes the name and patches metadata': async ({ client }) => {
      const { id } = await client.beta.vaults.create({ display_name: 'Before', metadata: { a: '1', b: '2' } });
      const updated = await client.beta.vaults.update(id, { display_name: 'After', metadata: { a: null, c: '3' } });
      expectShape(updated, VAULT);
      expect(updated.display_name).toBe('After');
      expect(updated.metadata).toEqual({ b: '2', c: '3' });
      expect({ ...(await client.beta.vaults.retrieve(id)) }).toEqual({ ...updated });
    },
  },
  'vaults.list': {
    'finds every vault once, page by page': async (world) => {
      const made = [await newVault(world), await newVault(world), await newVault(world)];
      await expectListed(world.client.beta.vaults.list({ limit: 2 }), made);
    },
    'leaves out archived ones unless asked': async (world) => {
      const { id } = await newVault(world);
      await world.client.beta.vaults.archive(id);
      expect((await readAll(world.client.beta.vaults.list())).map((one) => one.id)).not.toContain(id);
      expect((await readAll(world.client.beta.vaults.list({ include_archived: true }))).map((one) => one.id)).toContain(id);
    },
  },
  'vaults.delete': {
    'removes the vault with its credentials': async (world) => {
      const { id } = await newVault(world);
      expect(await world.client.beta.vaults.delete(id)).toMatchObject({ id, type: 'vault_deleted' });
      await expectRefused(world.client.beta.vaults.retrieve(id), 404);
    },
  },
  'vaults.archive': {
    'marks the vault, which stays readable': async (world) => {
      const { id } = await newVault(world);
      const archived = await world.client.beta.vaults.archive(id);
      expectShape(archived, VAULT);
      expectMoment(archived.archived_at);
      expect((await world.client.beta.vaults.retrieve(id)).archived_at).toBe(archived.archived_at);
    },
    'lets no session begin with it': async (world) => {
      const { id } = await newVault(world);
      await world.client.beta.vaults.archive(id);
      await expectRefused(world.session({ vault_ids: [id] }), 400);
    },
  },
};
