import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../infra/dev/free-port.js';
import { cacheFolder } from '../../scripts/setup/settings.mjs';
import { findS3Server } from '../../scripts/setup/tools/s3-server.mjs';
import { waitFor } from './wait-for.js';

export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Makes an empty bucket and answers its name. */
  bucket(): string;
  stop(): Promise<void>;
}

/** A real S3-compatible server over a folder of its own. */
export async function startS3Server(): Promise<S3Server> {
  const program = findS3Server({ cache: cacheFolder(process.env), environment: process.env });
  if (!program) throw new Error('The S3 server is not installed: run node scripts/setup/main.mjs --for test and see what it says.');
  const folder = mkdtempSync(join(tmpdir(), 'rondo-s3-'));
  mkdirSync(join(folder, 'buckets'));
  mkdirSync(join(folder, 'meta'));
  const port = await freePort();
  const credentials = { accessKeyId: 'test-access', secretAccessKey: 'test-secret-key' };
  const child = spawn(
    program,
    [
      ...['--port', `127.0.0.1:${port}`, '--quiet', '--access', credentials.accessKeyId, '--secret', credentials.secretAccessKey],
      ...['posix', '--sidecar', join(folder, 'meta'), join(folder, 'buckets')],
    ],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  await waitFor('the S3 server to listen', () => listens(port, child));
  let buckets = 0;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    credentials,
    bucket() {
      buckets += 1;
      // The server takes every folder for a bucket.
      mkdirSync(join(folder, 'buckets', `bucket${buckets}`));
      return `bucket${buckets}`;
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function listens(port: number, child: ChildProcess): Promise<true | undefined> {
  if (child.exitCode !== null) throw new Error(`The S3 server ended with exit code ${child.exitCode}.`);
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
