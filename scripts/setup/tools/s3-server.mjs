import { join } from 'node:path';
import { cached } from '../cached.mjs';
import { isExecutable, onPath } from '../command.mjs';
import { PINS } from '../pins.mjs';
import { buildWithGo } from './go.mjs';

const { version } = PINS.versitygw;
const FOLDER = `versitygw-${version}`;

/**
 * The S3-compatible server that the tests of the blob store run against: on PATH, else in the cache.
 * @param {{ cache: string, environment?: Record<string, string | undefined> }} settings
 * @returns {string | undefined}
 */
export function findS3Server({ cache, environment }) {
  const ours = join(cache, FOLDER, 'versitygw');
  return onPath('versitygw', environment) ?? (isExecutable(ours) ? ours : undefined);
}

/** @param {import('../settings.mjs').Settings} settings */
export async function provideS3Server(settings) {
  if (findS3Server(settings)) return;
  const module = `github.com/versity/versitygw/cmd/versitygw@${version}`;
  await cached({
    cache: settings.cache,
    key: FOLDER,
    title: `versitygw ${version}, an S3 server`,
    ways: [{ name: 'build from source, about 2 minutes', make: (folder, report) => buildWithGo(settings, { module, program: 'versitygw', folder, report }) }],
  });
}
