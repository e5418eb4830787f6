import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import type { DueMount } from '../../workflows/contract/file-records.js';
import type { NewEvent } from '../../workflows/contract/records.js';
import type { ServerTraffic } from '../egress/traffic.port.js';
import type { RefusalCode } from '../sandbox/file-protocol.js';
import type { SandboxFiles } from '../sandbox/file-transfers.js';
import type { Checkout, CloneRepository } from './clone-repository.js';
import { type CloneCause, CloneFailed } from './git-failure.js';
import type { OpenFile, SessionContent } from './session-content.port.js';

export interface PlacingDependencies {
  readonly content: SessionContent;
  readonly clone: CloneRepository;
  /** What requests for repositories go through. */
  readonly traffic: ServerTraffic;
}

/** Largest skill, unpacked, in bytes. */
const MAXIMUM_SKILL_BYTES = 512 * 1024 * 1024;

/** Where something is to be put, and what files are put there. */
export interface Placing {
  readonly files: SandboxFiles;
  readonly openFile: OpenFile;
  readonly signal: AbortSignal;
}

/** Puts one thing where it belongs in a sandbox, whole or not at all. */
export async function placeMount(deps: PlacingDependencies, ref: SessionRef, mount: DueMount, { files, openFile, signal }: Placing): Promise<void> {
  const { body, mountPath } = mount;
  switch (mount.type) {
    case 'file':
      return files.writeFile({ path: mountPath, source: await openFile(fileIdOf(mount)), signal });
    case 'skill': {
      const archive = await deps.content.openSkill(ref, String(body['skillId']), String(body['versionId']));
      return files.extract(mountPath, unpacked(archive), { strip: 1, signal });
    }
    case 'github_repository': {
      const token = await deps.content.openToken(ref, mount.key);
      const request = {
        url: String(body['url']),
        token,
        checkout: (body['checkout'] ?? null) as Checkout,
        signal,
        traffic: deps.traffic.of(ref),
        resourceId: mount.key,
      };
      return deps.clone(request, (archives) => files.extract(mountPath, archives, { signal }));
    }
  }
}

export const fileIdOf = ({ body }: DueMount): string => String(body['file_id']);

async function* unpacked(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = Readable.from(archive);
  const gunzip = source.pipe(createGunzip());
  source.once('error', (error) => gunzip.destroy(error));
  let bytes = 0;
  try {
    for await (const piece of gunzip as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > MAXIMUM_SKILL_BYTES) throw new RondoError('skill.invalid', `it is larger than ${MAXIMUM_SKILL_BYTES} bytes unpacked`);
      yield piece;
    }
  } finally {
    source.destroy();
  }
}

/** Errors that say nothing about what was to be mounted: the call that needs the sandbox fails, and is tried again. */
export const isPassing = (error: unknown): boolean =>
  error instanceof RondoError && ['sandbox.failed', 'sandbox.gone', 'service.unavailable', 'step.superseded'].includes(error.code);

/** What clients are told of a mount that failed: the session goes on without it, and tries again in its next turn. */
export function failureEvent(mount: DueMount, error: unknown): NewEvent {
  const { type, key, body, mountPath } = mount;
  const retry = { retry_status: { type: 'retrying' } };
  if (type === 'github_repository') {
    const url = String(body['url']);
    const { cause, message } = repositoryFailure(url, mountPath, error);
    return { type: 'session.error', body: { error: { type: `repository_${cause}_error`, repository_url: url, message, ...retry } } };
  }
  const what = type === 'skill' ? `Skill ${String(body['name'])}` : `File ${fileIdOf(mount)} (${key})`;
  const why = error instanceof RondoError && error.code !== 'sandbox.file_refused' ? error.message : whyRefused(error);
  return { type: 'session.error', body: { error: { type: 'unknown_error', message: `${what} could not be mounted at ${mountPath}: ${why}`, ...retry } } };
}

function repositoryFailure(url: string, mountPath: string, error: unknown): { readonly cause: CloneCause; readonly message: string } {
  if (error instanceof CloneFailed) return { cause: error.reason, message: error.message };
  if (error instanceof RondoError && error.code === 'secret.unreadable') {
    return { cause: 'authentication', message: `The token for ${url} cannot be opened; give the resource a new authorization_token.` };
  }
  return { cause: 'checkout', message: `${url} could not be put at ${mountPath}: ${whyRefused(error)}` };
}

/** In our own words: what the sandbox says may be anything. */
const REFUSALS: Readonly<Record<string, string>> = {
  exists: 'something is there already.',
  refused: 'that is outside of what may be mounted to, behind a link, or the archive holds what is no file, directory or link.',
  too_large: 'it is too large.',
  failed: 'the sandbox could not write it; its disk may be full.',
} satisfies Partial<Record<RefusalCode, string>>;

function whyRefused(error: unknown): string {
  const reason = error instanceof RondoError ? error.details?.['reason'] : undefined;
  return REFUSALS[String(reason)] ?? 'it failed; the trace says more.';
}
