import { join } from 'node:path';
import type { Config } from '../config/config.js';
import type { BlobStore } from './blob-store.js';
import { createFileSystemBlobs } from './file-system.adapter.js';
import { createS3Blobs } from './s3.adapter.js';

/** The blob store of this installation; gateways and workers must name the same. A bucket where one is named, else a folder. */
export function selectBlobs({ blobs, paths }: Config): BlobStore {
  const { s3Bucket: bucket, s3Region: region, s3Prefix: prefix, s3Endpoint: endpoint, s3AccessKeyId, s3SecretAccessKey } = blobs;
  if (bucket === undefined) return createFileSystemBlobs(blobs.path ?? join(paths.home, 'blobs'));
  const credentials = s3AccessKeyId && s3SecretAccessKey && { accessKeyId: s3AccessKeyId.reveal(), secretAccessKey: s3SecretAccessKey.reveal() };
  return createS3Blobs({ bucket, region, prefix, endpoint, credentials });
}
