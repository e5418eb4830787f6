import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { RondoError } from '../../workflows/contract/errors.js';
import { type BlobStore, checkKey } from './blob-store.js';

export interface S3Options {
  /** Without it Amazon's own, by region. */
  readonly endpoint: string | undefined;
  readonly bucket: string;
  readonly region: string;
  /** Without it whatever the machine offers: an instance's role, for example. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** Before every key, as `rondo/`; several installations may then share a bucket. */
  readonly prefix: string;
}

/** What is held in memory of one upload is twice this. A part of 16 MiB allows objects of 160 GB. */
const PART_BYTES = 16 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 5_000;
/** Without a byte in either direction. */
const SILENCE_MS = 60_000;
const CONNECTIONS = 500;

/** Blobs as objects of one bucket of Amazon S3, or of any store that speaks its protocol. */
export function createS3Blobs({ endpoint, bucket, region, credentials, prefix }: S3Options): BlobStore {
  const agent = { maxSockets: CONNECTIONS, keepAlive: true };
  const client = new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
    // Checksums in trailers are Amazon's; many other stores refuse them. Contents are checked by their own hashes.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: SILENCE_MS, httpAgent: agent, httpsAgent: agent },
  });
  const at = (key: string) => ({ Bucket: bucket, Key: `${prefix}${checkKey(key)}` });

  return {
    async put(key, source, options = {}) {
      const target = at(key);
      const measured = measure(source, options.maximumBytes ?? Number.POSITIVE_INFINITY);
      const upload = new Upload({ client, params: { ...target, Body: Readable.from(measured.bytes()) }, partSize: PART_BYTES, queueSize: 1 });
      try {
        await upload.done();
      } catch (error) {
        // A failed upload of parts is ended by the library; what it could not end, `delete` does.
        const failure = measured.failure();
        throw failure instanceof Error ? failure : unavailable(error);
      }
      return measured.result();
    },

    async open(key, range = {}) {
      const target = at(key);
      const { start = 0, end } = range;
      const wanted = start === 0 && end === undefined ? {} : { Range: `bytes=${start}-${end ?? ''}` };
      try {
        const { Body } = await client.send(new GetObjectCommand({ ...target, ...wanted }));
        return Body as Readable;
      } catch (error) {
        // A bucket that is not there is answered with 404 as well.
        if (nameOf(error) === 'NoSuchKey') return undefined;
        if (nameOf(error) === 'InvalidRange') return Readable.from([]);
        throw unavailable(error);
      }
    },

    async delete(key) {
      const { Bucket, Key } = at(key);
      await available(async () => {
        const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }));
        for (const { Key: other, UploadId } of Uploads) {
          if (other === Key) await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(unlessMissing);
        }
        await client.send(new DeleteObjectCommand({ Bucket, Key })).catch(unlessMissing);
      });
    },

    async *list(beginning) {
      let next: string | undefined;
      do {
        const token = next;
        const page = await available(() =>
          client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}${beginning}`, ContinuationToken: token })),
        );
        for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key.slice(prefix.length);
        next = page.NextContinuationToken;
      } while (next !== undefined);
    },
  };
}

/** Passes bytes on, counts and hashes them, and remembers when it was the source, or the limit, that ended them. */
function measure(source: AsyncIterable<Uint8Array>, maximumBytes: number) {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let failure: unknown;
  return {
    async *bytes(): AsyncGenerator<Uint8Array> {
      try {
        for await (const chunk of source) {
          sizeBytes += chunk.byteLength;
          if (sizeBytes > maximumBytes) throw new RondoError('request.too_large', `The content is larger than the ${maximumBytes} bytes that are accepted.`);
          hash.update(chunk);
          yield chunk;
        }
      } catch (error) {
        failure = error;
        throw error;
      }
    },
    failure: () => failure,
    result: () => ({ sizeBytes, sha256: hash.digest('hex') }),
  };
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');

function unlessMissing(error: unknown): void {
  if (!['NoSuchKey', 'NoSuchUpload'].includes(nameOf(error))) throw error;
}

async function available<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unavailable(error);
  }
}

const unavailable = (cause: unknown): RondoError =>
  new RondoError('service.unavailable', 'The blob store cannot be used; the request can be repeated.', { cause });
