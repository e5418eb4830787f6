import { z } from 'zod';
import type { EnvironmentKeyRecord } from '../../../infra/postgres/environment-keys.repo.js';

export const EnvironmentKeyWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('environment_key'),
    environment_id: z.string(),
    name: z.string().nullable(),
    hint: z.string().meta({ description: 'The last characters of the key.' }),
    created_at: z.iso.datetime(),
    revoked_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'EnvironmentKey', description: 'What the workers of a self-hosted environment take work with.' });

export const NewEnvironmentKeyWire = z
  .looseObject({ ...EnvironmentKeyWire.shape, key: z.string().meta({ description: 'The key itself: answered once, stored as a hash.' }) })
  .meta({ id: 'NewEnvironmentKey' });

export const toEnvironmentKeyWire = (key: EnvironmentKeyRecord) => ({
  id: key.id,
  type: 'environment_key' as const,
  environment_id: key.environmentId,
  name: key.name,
  hint: key.hint,
  created_at: key.createdAt.toISOString(),
  revoked_at: key.revokedAt?.toISOString() ?? null,
});
