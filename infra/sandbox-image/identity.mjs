import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Everything that decides what is in the image; a change of any of them is a new image. */
const INGREDIENTS = ['packages.txt', 'provision.sh', 'Dockerfile', 'debootstrap.sh'];

/** The folder with the image's sources. */
export const sandboxImageSources = () => dirname(fileURLToPath(import.meta.url));

/**
 * Short name of the image's content: the same ingredients give the same one.
 * @returns {string} 12 hexadecimal digits
 */
export function sandboxImageHash() {
  const hash = createHash('sha256');
  for (const name of INGREDIENTS) {
    const bytes = readFileSync(join(sandboxImageSources(), name));
    hash.update(`${name} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex').slice(0, 12);
}

/**
 * The image's name for Docker.
 * @returns {string}
 */
export const sandboxImageName = () => `rondo-sandbox:${sandboxImageHash()}`;
