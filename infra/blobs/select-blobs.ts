import { join } from 'node:path';
import type { Config } from '../config/config.js';
import type { BlobStore } from './blob-store.js';
import { createFileSystemBlobs } from './file-system.adapter.js';

/** The blob store of this installation; gateways and workers must name the same. */
export const selectBlobs = (config: Config): BlobStore => createFileSystemBlobs(config.blobs.path ?? join(config.paths.home, 'blobs'));
