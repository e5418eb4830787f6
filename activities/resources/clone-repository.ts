import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Traffic } from '../egress/traffic.port.js';
import { type SandboxUser, sandboxUser } from '../sandbox/sandbox-user.js';
import type { AddressGuard } from '../web/address-guard.js';
import { createGuardedFetch, type GuardedFetch } from '../web/guarded-fetch.js';
import { CloneFailed, explainGit } from './git-failure.js';
import { type GitForwarder, startGitForwarder } from './git-forwarder.js';
import { createGitProcesses, type GitProcesses } from './git-process.js';
import { gitSettings } from './git-settings.js';

export type Checkout = { readonly type: 'branch'; readonly name: string } | { readonly type: 'commit'; readonly sha: string } | null;

export interface CloneRequest {
  /** https, without a user name or password. */
  readonly url: string;
  readonly token: string | undefined;
  readonly checkout: Checkout;
  readonly signal: AbortSignal;
  /** What the session's requests go through. */
  readonly traffic: Traffic;
  /** Of the token, for the audit. */
  readonly resourceId: string;
}

/**
 * Clones on the worker's host, outside of every sandbox and as nobody in particular, and hands what it got to `take` as tar
 * archives behind each other: the tree, then `.git`. No file of the repository is ever made on the host but git's own
 * objects: there is no working tree, so no link, hook, filter or submodule of it can act. Nothing is left when it resolves.
 * Errors: CloneFailed, what `take` throws, and the signal's reason.
 */
export type CloneRepository = (request: CloneRequest, take: (archives: AsyncIterable<Uint8Array>) => Promise<void>) => Promise<void>;

export interface CloneOptions {
  readonly guard: AddressGuard;
  /** PEM certificates of whom servers may be certified by. */
  readonly certificates: () => readonly string[];
  /** Tells the directories of this installation from those of others. */
  readonly installation: string;
  readonly timeoutMs?: number;
  readonly maximumBytes?: number;
}

const TIMEOUT_MS = 300_000;
const MAXIMUM_BYTES = 2 * 1024 * 1024 * 1024;
/** Commits of history that come along. */
const DEPTH = 50;

export function createCloneRepository({
  guard,
  certificates,
  timeoutMs = TIMEOUT_MS,
  maximumBytes = MAXIMUM_BYTES,
  ...options
}: CloneOptions): CloneRepository {
  const prefix = join(tmpdir(), `rondo-clone-${options.installation}-`);
  let guardedFetch: GuardedFetch | undefined;
  let swept: Promise<void> | undefined;
  return async ({ url, token, checkout, signal, traffic, resourceId }, take) => {
    swept ??= removeAbandoned(prefix);
    await swept;
    const target = guard.checkUrl(url);
    target.hostname = target.hostname.replace(/\.$/, '');
    if (target.protocol !== 'https:') throw new CloneFailed('clone', `${url} could not be cloned: repositories are cloned over https only.`);
    guardedFetch ??= createGuardedFetch({ guard, maxBytes: maximumBytes, ca: certificates() });
    const user = sandboxUser();
    // The name says whose it is, so that the next worker knows what a dead one left.
    const directory = `${prefix}${process.pid}-${randomBytes(8).toString('hex')}`;
    const limit = new AbortController();
    let overdue: NodeJS.Timeout | undefined;
    let forwarder: GitForwarder | undefined;
    try {
      await traffic.admit(new URL(`${target.href.replace(/\/$/, '')}/info/refs?service=git-upload-pack`), 'GET', signal);
      overdue = setTimeout(() => limit.abort(), timeoutMs);
      const ended = AbortSignal.any([signal, limit.signal]);
      const { origin } = target;
      forwarder = await startGitForwarder({ guardedFetch, origin, token, traffic, credentialIds: token === undefined ? [] : [resourceId], signal: ended });
      await prepare(directory, user);
      const git = createGitProcesses({
        directory,
        user,
        environment: gitSettings({ directory, origin, ...forwarder }),
        signal: ended,
        maximumFileBytes: maximumBytes,
      });
      await requireVersion(git);
      const isEmpty = await fetchInto(git, target.href, checkout);
      await take(bounded(archives(git, isEmpty), url, maximumBytes));
    } catch (error) {
      if (limit.signal.aborted && !signal.aborted)
        throw new CloneFailed('clone', `${url} could not be cloned within ${timeoutMs / 1_000} s.`, { cause: error });
      throw explainGit(error, url, forwarder?.failure());
    } finally {
      clearTimeout(overdue);
      forwarder?.close();
      traffic.end();
      await fs.rm(directory, { recursive: true, force: true });
    }
  };
}

/** An older git does not read its settings from its environment, and says nothing. */
async function requireVersion(git: GitProcesses): Promise<void> {
  const answer = await git.run(['git', '--version']);
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(answer)?.slice(1) ?? []).map(Number);
  if (major > 2 || (major === 2 && minor >= 31)) return;
  throw new CloneFailed('clone', `Repositories need git 2.31 or later where the worker runs; there is ${answer.trim()}.`);
}

/** Where git works: nobody else sees into it. The template overrides what a tree says about its own archive. */
async function prepare(directory: string, user: SandboxUser): Promise<void> {
  await fs.mkdir(join(directory, 'template', 'info'), { recursive: true, mode: 0o755 });
  await fs.chmod(directory, 0o700);
  await fs.writeFile(join(directory, 'template', 'info', 'attributes'), '* -export-ignore -export-subst -filter\n');
  await fs.chown(directory, user.uid, user.gid);
}

/** Fetches, and points HEAD and the index at what was asked for. True when there is nothing in the repository. */
async function fetchInto(git: GitProcesses, url: string, checkout: Checkout): Promise<boolean> {
  const at = (...words: string[]) => git.run(['git', '--git-dir=repository/.git', ...words]);
  const fetch = (...refs: string[]) => at('fetch', '--quiet', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head', url, ...refs);
  await git.run(['git', 'init', '--quiet', '--template=template', 'repository']);

  if (checkout?.type === 'commit') {
    const { sha } = checkout;
    // Not every server gives a commit that no branch points at; then all branches come, with their whole history.
    await fetch(`--depth=${DEPTH}`, sha).catch(() => fetch('+refs/heads/*:refs/remotes/origin/*'));
    const known = await at('cat-file', '-e', `${sha}^{commit}`).then(
      () => true,
      () => false,
    );
    if (!known) throw new CloneFailed('checkout', `${url} could not be checked out: it has no commit ${sha}.`);
    await at('update-ref', '--no-deref', 'HEAD', sha);
  } else {
    const branch = checkout?.name ?? (await defaultBranch(git, url));
    if (branch === undefined) return true;
    await fetch(`--depth=${DEPTH}`, `+refs/heads/${branch}:refs/remotes/origin/${branch}`);
    await at('update-ref', `refs/heads/${branch}`, `refs/remotes/origin/${branch}`);
    await at('symbolic-ref', 'HEAD', `refs/heads/${branch}`);
    await at('config', `branch.${branch}.remote`, 'origin');
    await at('config', `branch.${branch}.merge`, `refs/heads/${branch}`);
  }
  await at('read-tree', 'HEAD');
  await at('config', 'core.bare', 'false');
  await at('config', 'remote.origin.url', url);
  await at('config', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*');
  return false;
}

/** What the other side's HEAD points at; nothing in an empty repository. */
async function defaultBranch(git: GitProcesses, url: string): Promise<string | undefined> {
  const answer = await git.run(['git', 'ls-remote', '--symref', url, 'HEAD']);
  const name = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(answer)?.[1];
  if (name === undefined && answer.trim() !== '') throw new CloneFailed('checkout', `${url} could not be checked out: its HEAD is no branch; name one.`);
  return name?.startsWith('-') === true ? undefined : name;
}

async function* archives(git: GitProcesses, isEmpty: boolean): AsyncGenerator<Uint8Array> {
  if (!isEmpty) yield* git.stream(['git', '--git-dir=repository/.git', 'archive', '--format=tar', 'HEAD']);
  yield* git.stream(['tar', '-c', '-f', '-', '-C', 'repository', '--exclude=.git/info', '.git']);
}

async function* bounded(source: AsyncIterable<Uint8Array>, url: string, maximumBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of source) {
    bytes += piece.length;
    if (bytes > maximumBytes) throw new CloneFailed('clone', `${url} could not be cloned: it is larger than ${maximumBytes} bytes.`);
    yield piece;
  }
}

/** Removes what workers of this installation left that were killed over a clone; their git ended with them. */
async function removeAbandoned(prefix: string): Promise<void> {
  const folder = tmpdir();
  for (const name of await fs.readdir(folder)) {
    const pid = join(folder, name).startsWith(prefix) ? /-(\d+)-[0-9a-f]{16}$/.exec(name)?.[1] : undefined;
    if (pid === undefined || isAlive(Number(pid))) continue;
    const directory = join(folder, name);
    const stat = await fs.lstat(directory).catch(() => undefined);
    if (stat?.isDirectory() && [sandboxUser().uid, process.geteuid?.()].includes(stat.uid)) {
      await fs.rm(directory, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
