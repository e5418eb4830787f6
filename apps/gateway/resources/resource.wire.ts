import { z } from 'zod';
import type { ResourceRecord } from '../../../workflows/contract/file-records.js';

const times = { created_at: z.iso.datetime(), updated_at: z.iso.datetime() };

const FileResourceWire = z.looseObject({ id: z.string(), type: z.literal('file'), file_id: z.string(), mount_path: z.string(), ...times });

const RepositoryResourceWire = z.looseObject({
  id: z.string(),
  type: z.literal('github_repository'),
  url: z.string(),
  checkout: z.looseObject({ type: z.enum(['branch', 'commit']) }).nullable(),
  mount_path: z.string(),
  ...times,
});

const MemoryStoreResourceWire = z.looseObject({
  type: z.literal('memory_store'),
  memory_store_id: z.string(),
  access: z.enum(['read_write', 'read_only']),
  instructions: z.string().nullable(),
  name: z.string().nullable(),
  description: z.string(),
  mount_path: z.string(),
});

/** Something attached to a session (wire section 3.1). A memory store has no id of its own; a token is never answered. */
export const ResourceWire = z.discriminatedUnion('type', [FileResourceWire, RepositoryResourceWire, MemoryStoreResourceWire]).meta({ id: 'SessionResource' });

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

export function toResourceWire(resource: ResourceRecord): z.output<typeof ResourceWire> {
  const { id, type, mountPath, createdAt, updatedAt } = resource;
  const { body } = resource;
  const times = { created_at: createdAt.toISOString(), updated_at: updatedAt.toISOString() };
  switch (type) {
    case 'file':
      return { id, type, file_id: String(body['file_id']), mount_path: mountPath, ...times };
    case 'github_repository':
      return {
        id,
        type,
        url: String(body['url']),
        checkout: (body['checkout'] as z.output<typeof RepositoryResourceWire>['checkout'] | undefined) ?? null,
        mount_path: mountPath,
        ...times,
      };
    case 'memory_store':
      return {
        type,
        memory_store_id: String(body['memory_store_id']),
        access: body['access'] === 'read_only' ? 'read_only' : 'read_write',
        instructions: textOrNull(body['instructions']),
        name: textOrNull(body['name']),
        description: textOrNull(body['description']) ?? '',
        mount_path: mountPath,
      };
  }
}
