import { z } from 'zod';
import type { EnvironmentRecord } from '../../../infra/postgres/environments.repo.js';
import { EnvironmentConfig } from '../../../workflows/contract/schema/environment.js';

export const EnvironmentWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('environment'),
    name: z.string(),
    description: z.string().nullable(),
    config: EnvironmentConfig,
    metadata: z.record(z.string(), z.string()),
    scope: z.literal('organization'),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    archived_at: z.iso.datetime().nullable(),
    image: z
      .object({ state: z.enum(['none', 'building', 'ready', 'failed']), error: z.string().optional() })
      .meta({ description: 'Extension: whether the image with its packages is there. A session whose image failed has the plain one.' }),
  })
  .meta({ id: 'Environment' });

export const EnvironmentDeletedWire = z.looseObject({ id: z.string(), type: z.literal('environment_deleted') });

/** An environment (wire section 2). */
export const toEnvironmentWire = (environment: EnvironmentRecord) => ({
  id: environment.id,
  type: 'environment' as const,
  name: environment.name,
  description: environment.description,
  config: environment.config,
  metadata: environment.metadata,
  scope: 'organization' as const,
  created_at: environment.createdAt.toISOString(),
  updated_at: environment.updatedAt.toISOString(),
  archived_at: environment.archivedAt?.toISOString() ?? null,
  image: environment.image,
});
