import type { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import type { SkillFile } from './skill-files.js';

/** Every file says this time and nobody's name, so that the same files make the same bytes. */
const TIME = new Date('2000-01-01T00:00:00Z');

/** The files as a tar.gz with one top-level directory, as it is unpacked into sandboxes and by the SDK's workers. */
export function packSkill(directory: string, files: readonly SkillFile[]): Readable {
  const archive = pack();
  for (const { path, content } of files) {
    // A form says nothing of modes; a script says itself that it is one.
    const mode = content.subarray(0, 2).toString('latin1') === '#!' ? 0o755 : 0o644;
    archive.entry({ name: `${directory}/${path}`, mode, mtime: TIME, uid: 0, gid: 0, type: 'file' }, content);
  }
  archive.finalize();
  return archive.pipe(createGzip());
}
