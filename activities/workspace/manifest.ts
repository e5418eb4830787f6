import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { z } from 'zod';

/** Names may be any bytes, so they are written one character for each byte (latin1): JSON keeps them exactly. */
const name = z.string().max(4_096);
const mode = z.int().min(0).max(0o7777);
/** Nanoseconds since the epoch, as text: too large for a double. */
const nanoseconds = z.string().regex(/^-?\d{1,20}$/);

/** Where the bytes of a file are: one zstd frame within a pack. */
const Content = z.object({ pack: z.int().min(0), offset: z.int().min(0), length: z.int().min(1) });

/** A blob that holds contents, and its length in bytes. */
const Pack = z.object({ key: z.string().max(200), bytes: z.int().min(1) });

const Entry = z.discriminatedUnion('type', [
  z.object({ type: z.literal('directory'), path: name, mode, mtime: nanoseconds }),
  z.object({
    type: z.literal('file'),
    path: name,
    mode,
    mtime: nanoseconds,
    size: z.int().min(0),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    content: Content,
    /** What tells on the host that made it whether the file has been touched since: device, inode, time of change. */
    seen: z.string().max(100),
  }),
  z.object({ type: z.literal('symlink'), path: name, target: name, mtime: nanoseconds }),
  /** A further name of a file that stands before it in the list. */
  z.object({ type: z.literal('link'), path: name, to: name }),
]);

/** One state of directories. Paths begin with a tree's name; directories stand before what is in them. */
export const Manifest = z.object({
  format: z.literal(1),
  /** Entries name them by their place here. */
  packs: z.array(Pack),
  entries: z.array(Entry),
});

export type Content = z.infer<typeof Content>;
export type Pack = z.infer<typeof Pack>;
export type Entry = z.infer<typeof Entry>;
export type FileEntry = Extract<Entry, { type: 'file' }>;
export type Manifest = z.infer<typeof Manifest>;

/** Decompressed, in bytes. A sandbox decides how many names there are, so reading must have a bound. */
const LARGEST = 512 * 1024 * 1024;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export const encodeManifest = (manifest: Manifest): Promise<Buffer> => compress(Buffer.from(JSON.stringify(manifest)));

/** Rejects for what is no manifest, or unreasonably large. */
export const decodeManifest = async (bytes: Uint8Array): Promise<Manifest> =>
  Manifest.parse(JSON.parse((await decompress(bytes, { maxOutputLength: LARGEST })).toString('utf8')));
