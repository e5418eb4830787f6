import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createFiles } from '../../apps/supervisor/files.js';
import { type GitServer, startGitServer } from '../../test/support/git-server.js';
import { recordedTraffic } from '../../test/support/traffic.js';
import { CLOSED } from '../egress/policy.js';
import type { Traffic } from '../egress/traffic.port.js';
import { createAddressGuard } from '../web/address-guard.js';
import { type Checkout, createCloneRepository } from './clone-repository.js';

const INSTALLATION = `unit${process.pid}`;
const TOKEN = 'canary-git-3f9a1c7b5d2e';

let server: GitServer;
let directory: string;
beforeAll(async () => {
  server = await startGitServer();
});
afterAll(() => server.close());
beforeEach(() => {
  directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'rondo-clone-test-')));
});
afterEach(() => {
  server.intercept = undefined;
  expect(fs.readdirSync(tmpdir()).filter((name) => name.startsWith(`rondo-clone-${INSTALLATION}-`))).toEqual([]);
  fs.rmSync(directory, { recursive: true });
});

interface Options {
  readonly token?: string;
  readonly checkout?: Checkout;
  readonly host?: string;
  readonly allowPrivate?: readonly string[];
  readonly certificates?: readonly string[];
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly maximumBytes?: number;
  readonly traffic?: Traffic;
}

/** Clones to where a sandbox would have it. */
async function clone(name: string, { token, checkout = null, host = 'git.test', signal = new AbortController().signal, ...options }: Options = {}) {
  const guard = createAddressGuard({
    allowPrivate: options.allowPrivate ?? [`git.test:${server.port}`],
    resolver: async () => [{ address: '127.0.0.1' }],
  });
  const { timeoutMs, maximumBytes, certificates = [server.certificate] } = options;
  const cloneRepository = createCloneRepository({
    guard,
    certificates: () => certificates,
    installation: INSTALLATION,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(maximumBytes === undefined ? {} : { maximumBytes }),
  });
  const target = join(directory, name);
  await cloneRepository(
    { url: server.url(name, host), token, checkout, signal, traffic: options.traffic ?? recordedTraffic().traffic, resourceId: 'sesrsc_0000000000' },
    (archives) => createFiles([directory]).extract(target, archives),
  );
  return {
    target,
    read: (file: string) => fs.readFileSync(join(target, file), 'utf8'),
    git: (...words: string[]) =>
      execFileSync('git', words, { cwd: target, encoding: 'utf8', env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: directory } }).trim(),
  };
}

const failure = (reason: string, message = '') => expect.objectContaining({ reason, message: expect.stringContaining(message) });

describe('a repository', () => {
  beforeAll(() => {
    server.make(
      'plain',
      `echo one > file; mkdir bin; printf '#!/bin/sh\\n' > bin/run; chmod +x bin/run; ln -s file link; git add .; git commit -qm first
       echo two > file; git commit -qam second; git switch -qc other; echo other > file; git commit -qam other; git switch -q main`,
    );
    server.make('empty', 'true');
  });

  test('arrives as the other side has it by default: a clean tree with its history', async () => {
    const { read, git, target } = await clone('plain');
    expect(read('file')).toBe('two\n');
    expect(fs.statSync(join(target, 'bin/run')).mode & 0o777).toBe(0o755);
    expect(fs.readlinkSync(join(target, 'link'))).toBe('file');
    expect(git('status', '--porcelain', '--branch')).toBe('## main...origin/main');
    expect(git('log', '--format=%s')).toBe('second\nfirst');
    expect(git('remote', 'get-url', 'origin')).toBe(server.url('plain'));
  });

  test('arrives at a branch, and at a commit', async () => {
    const other = await clone('plain', { checkout: { type: 'branch', name: 'other' } });
    expect([other.read('file'), other.git('branch', '--show-current')]).toEqual(['other\n', 'other']);
    const first = other.git('rev-parse', 'HEAD~2');
    fs.rmSync(other.target, { recursive: true });
    const detached = await clone('plain', { checkout: { type: 'commit', sha: first } });
    expect([detached.read('file'), detached.git('rev-parse', 'HEAD'), detached.git('status', '--porcelain')]).toEqual(['one\n', first, '']);
  });

  test('that is empty is an empty repository', async () => {
    const { git } = await clone('empty');
    expect(git('status', '--porcelain', '--branch')).toContain('No commits yet');
  });

  test('without such a branch or commit cannot be checked out', async () => {
    await expect(clone('plain', { checkout: { type: 'branch', name: 'missing' } })).rejects.toEqual(failure('checkout'));
    await expect(clone('plain', { checkout: { type: 'commit', sha: 'a'.repeat(40) } })).rejects.toEqual(failure('checkout', 'a'.repeat(40)));
  });

  test('that is not there is not found', async () => {
    await expect(clone('missing')).rejects.toEqual(failure('not_found'));
  });

  test('behind a status is told by it', async () => {
    for (const [status, reason] of [
      [403, 'forbidden'],
      [404, 'not_found'],
      [500, 'clone'],
    ] as const) {
      server.intercept = (_request, response) => response.writeHead(status).end() !== undefined;
      await expect(clone('plain'), String(status)).rejects.toEqual(failure(reason));
    }
  });
});

describe('the token', () => {
  beforeAll(() => {
    server.make('private', 'echo secret > file; git add .; git commit -qm first');
    server.protect('private', TOKEN);
  });

  test('opens the repository and stays outside of what arrives', async () => {
    const { read, target } = await clone('private', { token: TOKEN });
    expect(read('file')).toBe('secret\n');
    const found = execFileSync('/bin/sh', ['-c', `grep -rEl "$1|$2" . || true`, 'grep', TOKEN, Buffer.from(`x-access-token:${TOKEN}`).toString('base64')], {
      cwd: target,
      encoding: 'utf8',
    });
    expect(found).toBe('');
  });

  test('is named in the audit of each request it went with, and not shown there', async () => {
    const { traffic, lines } = recordedTraffic();
    await clone('private', { token: TOKEN, traffic });
    const audit = await lines();
    expect(audit.map(({ method, path, status }) => `${method} ${path} ${status}`)).toEqual(
      expect.arrayContaining(['GET /private.git/info/refs?service=git-upload-pack 200', 'POST /private.git/git-upload-pack 200']),
    );
    for (const line of audit) expect(line).toMatchObject({ host: 'git.test', decision: 'allow', generation: null, credentialIds: ['sesrsc_0000000000'] });
    expect(audit.reduce((sum, { bytesDown }) => sum + bytesDown, 0)).toBeGreaterThan(500);
    expect(JSON.stringify(audit)).not.toMatch(new RegExp(`${TOKEN}|${Buffer.from(TOKEN).toString('base64').slice(0, 12)}`));
  });

  test('is needed', async () => {
    await expect(clone('private')).rejects.toEqual(failure('authentication'));
    await expect(clone('private', { token: 'another-token' })).rejects.toEqual(failure('authentication'));
  });

  test('is on no command line and in no environment while git runs, and in no message of a failure', async () => {
    const lines = new Set<string>();
    const environments = new Set<string>();
    server.intercept = () => {
      for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
          const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
          lines.add(line);
          if (/^git|git /.test(line)) environments.add(fs.readFileSync(`/proc/${pid}/environ`, 'utf8'));
        } catch {
          // ended in between
        }
      }
      return false;
    };
    await clone('private', { token: TOKEN });
    expect([...lines].join('\n')).toMatch(/git.* fetch/);
    expect([...lines].join('\n')).not.toContain(TOKEN);
    // What stands for the token meanwhile is where only the same user can read it.
    const key = /x-rondo-clone: (\w+)/.exec([...environments].join('\n'))?.[1] ?? 'no key';
    expect(key).toMatch(/^[0-9a-f]{32}$/);
    expect([...lines].join('\n')).not.toContain(key);
    expect([...environments].join('\n')).not.toMatch(new RegExp(`${TOKEN}|Basic`));
    server.intercept = (request, response) => response.writeHead(500).end(`you are ${request.headers.authorization}, ${TOKEN}`) !== undefined;
    const error = await clone('private', { token: TOKEN }).catch((caught: unknown) => caught);
    expect(error).toEqual(failure('clone'));
    expect(String((error as Error).message)).not.toMatch(new RegExp(`${TOKEN}|Basic`));
  });

  test('is not carried to where the other side points', async () => {
    const before = server.requests.length;
    server.intercept = (request, response) => {
      if (!request.url?.startsWith('/private')) return false;
      response.writeHead(302, { location: `https://localhost:${server.port}/plain.git${request.url.slice('/private.git'.length)}` }).end();
      return true;
    };
    await expect(clone('private', { token: TOKEN })).rejects.toEqual(failure('clone', 'redirect'));
    expect(server.requests.slice(before).filter(({ line }) => line.includes('/plain'))).toEqual([]);
  });
});

describe('a repository that means harm', () => {
  const marks = () => fs.existsSync(join(tmpdir(), 'rondo-clone-harm'));

  test('brings no hook, filter, attribute or submodule to life', async () => {
    server.make('inner', 'echo inner > file; git add .; git commit -qm inner');
    server.make(
      'hostile',
      `echo kept > kept; echo hidden > hidden
       printf '* filter=harm\\nhidden export-ignore\\nkept export-subst\\n' > .gitattributes
       printf '$Format:%%H$' > kept
       mkdir hooks .githooks; printf '#!/bin/sh\\ntouch ${tmpdir()}/rondo-clone-harm\\n' > hooks/post-checkout; cp hooks/post-checkout .githooks/post-checkout
       chmod +x hooks/* .githooks/*
       printf '[submodule "x"]\\n\\tpath = sub\\n\\turl = ext::sh -c touch%% ${tmpdir()}/rondo-clone-harm\\n' > .gitmodules
       git add .; git update-index --add --cacheinfo 160000,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,sub; git commit -qm hostile`,
    );
    const { read, target } = await clone('hostile');
    expect(read('kept')).toBe('$Format:%H$');
    expect(read('hidden')).toBe('hidden\n');
    expect(fs.readdirSync(join(target, 'sub'))).toEqual([]);
    expect(fs.existsSync(join(target, '.git/hooks'))).toBe(false);
    expect(marks()).toBe(false);
  });

  test('brings its links as they are, and nothing through them', async () => {
    server.make('links', `ln -s /etc/passwd passwd; ln -s ../.. up; git add .; git commit -qm links`);
    const { target } = await clone('links');
    expect([fs.readlinkSync(join(target, 'passwd')), fs.readlinkSync(join(target, 'up'))]).toEqual(['/etc/passwd', '../..']);
  });

  test('with files behind a link of its own is refused', async () => {
    // A tree that no git makes: `way` is a link, and `way/x` a file.
    server.make(
      'through',
      `link=$(printf /tmp | git hash-object -w --stdin); file=$(echo x | git hash-object -w --stdin)
       inner=$(printf '100644 blob %s\\tx\\n' $file | git mktree)
       tree=$( (printf '120000 way\\0'; printf %s $link | perl -ne 'print pack "H*", $_'; printf '40000 way\\0'; printf %s $inner | perl -ne 'print pack "H*", $_') | git hash-object -w -t tree --literally --stdin)
       git update-ref refs/heads/main $(git commit-tree -m bad $tree)`,
    );
    await expect(clone('through')).rejects.toThrow();
    expect(fs.existsSync(join(directory, 'through'))).toBe(false);
  });

  test('with a .git of its own is refused', async () => {
    server.make(
      'dotgit',
      `file=$(echo '[core]' | git hash-object -w --stdin)
       inner=$(printf '100644 blob %s\\tconfig\\n' $file | git mktree)
       tree=$( (printf '40000 .git\\0'; printf %s $inner | perl -ne 'print pack "H*", $_') | git hash-object -w -t tree --literally --stdin)
       git update-ref refs/heads/main $(git commit-tree -m bad $tree)`,
    );
    await expect(clone('dotgit')).rejects.toEqual(failure('clone'));
  });

  test('that is too large is cut off', async () => {
    server.make('large', 'head -c 3000000 /dev/urandom > big; git add .; git commit -qm big');
    await expect(clone('large', { maximumBytes: 1_000_000 })).rejects.toEqual(failure('clone', 'too large'));
    server.make('bomb', 'head -c 30000000 /dev/zero > big; git add .; git commit -qm big');
    await expect(clone('bomb', { maximumBytes: 1_000_000 })).rejects.toEqual(failure('clone', 'larger than'));
  });
});

describe('the other side', () => {
  beforeAll(() => server.make('here', 'echo here > file; git add .; git commit -qm first'));

  test('must be at an address that may be reached, and is asked for at the checked one', async () => {
    await expect(clone('here', { allowPrivate: [] })).rejects.toEqual(failure('clone', 'refused is'));
    // git.test is in no name server: only the checked address leads there.
    expect((await clone('here')).read('file')).toBe('here\n');
  });

  test('must be allowed where server tools follow the environment; nobody is asked before', async () => {
    const rules = { policy: CLOSED, used: { requests: 0, bytes: 0 } };
    const { traffic, lines } = recordedTraffic({ rulesOf: async () => rules });
    const before = server.requests.length;
    await expect(clone('plain', { traffic })).rejects.toEqual(failure('clone', 'network policy'));
    expect(server.requests.length).toBe(before);
    expect(await lines()).toMatchObject([{ decision: 'deny', rule: 'host is not allowed', path: '/plain.git/info/refs?service=git-upload-pack' }]);
  });

  test('must be certified', async () => {
    await expect(clone('here', { certificates: [] })).rejects.toEqual(failure('clone', 'certificate'));
  });

  test('that does not answer in time is given up', async () => {
    server.intercept = () => true;
    await expect(clone('here', { timeoutMs: 1_000 })).rejects.toEqual(failure('clone', 'within 1 s'));
  });

  test('is left when the work is stopped', async () => {
    const controller = new AbortController();
    server.intercept = () => {
      controller.abort(new Error('stopped'));
      return true;
    };
    await expect(clone('here', { signal: controller.signal })).rejects.toThrow('stopped');
  });
});
