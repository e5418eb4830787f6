import { z } from 'zod';
import { idSchema } from '../ids.js';
import { webAddress } from './web-address.js';

/** Where in the sandbox something is mounted: below the workspace or the session's own folder, which outlive the sandbox. */
const mountPath = (...roots: readonly string[]) =>
  z
    .string()
    .max(1_024)
    .refine((path) => isClean(path), 'must be an absolute path without "//", "." and ".."')
    .refine((path) => roots.some((root) => path.startsWith(`${root}/`)), `must lie below ${roots.join(' or ')}`);

const isClean = (path: string): boolean =>
  !/\p{Cc}/u.test(path) && path.startsWith('/') && path.split('/').every((part, index) => index === 0 || !['', '.', '..'].includes(part));

/** A session-scoped copy of an uploaded file. */
export const FileResource = z.strictObject({
  type: z.literal('file'),
  file_id: idSchema('file').describe('An uploaded file, file_…; the session gets a copy of its own under another id.'),
  mount_path: mountPath('/workspace', '/mnt/session')
    .nullish()
    .describe('An absolute path below /workspace or /mnt/session; /mnt/session/uploads/<file_id> where none is given.'),
});

const gitName = z
  .string()
  .min(1)
  .max(255)
  .refine((name) => !name.startsWith('-') && /^[^\s~^:?*[\\\p{Cc}]+$/u.test(name) && !name.includes('..'), 'must be the name of a branch');

/** A repository that is cloned before the first tool call. The token is write-only. */
const RepositoryResource = z.strictObject({
  type: z.literal('github_repository'),
  url: webAddress(/^https$/, 'must be an https address', 'give authorization_token')
    .refine((url) => repositoryName(url) !== undefined, 'must end with the name of a repository')
    .describe('The https address of a git repository of any host, without user name or password.'),
  authorization_token: z
    .string()
    .min(1)
    .max(10_000)
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
    .optional()
    .describe('For cloning, and for fetching and pushing from inside, where nobody sees it. It is never answered.'),
  checkout: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('branch'), name: gitName.describe('A branch, without refs/heads/.') }),
      z.strictObject({
        type: z.literal('commit'),
        sha: z
          .string()
          .regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, 'must be the full hash of a commit')
          .describe('The full hash, in lower case.'),
      }),
    ])
    .nullish()
    .describe('What is checked out; the default branch where none is given.'),
  mount_path: mountPath('/workspace').nullish().describe('An absolute path below /workspace; /workspace/<name of the repository> where none is given.'),
});

const MemoryStoreResource = z.strictObject({
  type: z.literal('memory_store'),
  memory_store_id: idSchema('memoryStore').describe('memstore_…. It is stored and answered; nothing is mounted for it yet.'),
  access: z.enum(['read_write', 'read_only']).nullish().describe('Stored and answered; read_write where none is given.'),
  instructions: z.string().max(4_096).nullish().describe('Stored and answered; the model does not see them yet.'),
});

/** What can be attached to a session when it is made (wire section 3). */
export const ResourceInput = z.discriminatedUnion('type', [FileResource, RepositoryResource, MemoryStoreResource]);

/** `POST /v1/sessions/{id}/resources/{resource_id}`. */
export const ResourceUpdate = z.strictObject({
  authorization_token: RepositoryResource.shape.authorization_token.unwrap().describe('Replaces the token of a github_repository. It is never answered.'),
});

/** Last part of a repository's address without `.git`, or nothing where it is no usable directory name. */
export function repositoryName(url: string): string | undefined {
  const name = new URL(url).pathname
    .replace(/\/+$/, '')
    .split('/')
    .at(-1)
    ?.replace(/\.git$/, '');
  return name && /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name) ? name : undefined;
}

export type FileResource = z.output<typeof FileResource>;
export type ResourceInput = z.output<typeof ResourceInput>;
export type ResourceUpdate = z.output<typeof ResourceUpdate>;
