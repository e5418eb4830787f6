import { join } from 'node:path';
import { createWorkspaces, type Workspaces } from '../../activities/workspace/workspaces.js';
import { createFileSystemBlobs } from '../../infra/blobs/file-system.adapter.js';
import { createKeepBlob } from '../../infra/blobs/keep-blob.js';
import { createExclusive } from '../../infra/postgres/exclusive.js';
import type { StoreFixture } from './session.fixture.js';

/** The workspaces of one more host, with its data folder; all hosts of a fixture share blobs if they name the same folder. */
export function aHostOf(
  { store, pool, log, database }: StoreFixture,
  home: string,
  {
    blobsAt = join(home, 'blobs'),
    maximumBytes = 1e9,
    folder = 'a folder',
  }: { readonly blobsAt?: string; readonly maximumBytes?: number; readonly folder?: string } = {},
): Workspaces {
  const blobs = createFileSystemBlobs(blobsAt);
  const { exclusive, close } = createExclusive({ url: database.appUrl, name: 'test-locks' });
  const workspaces = createWorkspaces({
    store,
    home,
    folder,
    keep: createKeepBlob({ pool, blobs }),
    open: (key, range) => blobs.open(key, range),
    exclusive,
    endSandbox: async () => undefined,
    maximumBytes,
    log,
  });
  return {
    ...workspaces,
    async close() {
      await workspaces.close();
      await close();
    },
  };
}
