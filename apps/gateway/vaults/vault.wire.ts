import { z } from 'zod';
import type { VaultRecord } from '../../../infra/postgres/vaults.repo.js';

export const VaultWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('vault'),
    display_name: z.string(),
    metadata: z.record(z.string(), z.string()),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    archived_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Vault' });

export const DeletedVaultWire = z.object({ id: z.string(), type: z.literal('vault_deleted') }).meta({ id: 'DeletedVault' });

/** A vault (wire section 4). */
export const toVaultWire = (vault: VaultRecord) => ({
  id: vault.id,
  type: 'vault' as const,
  display_name: vault.displayName,
  metadata: vault.metadata,
  created_at: vault.createdAt.toISOString(),
  updated_at: vault.updatedAt.toISOString(),
  archived_at: vault.archivedAt?.toISOString() ?? null,
});
