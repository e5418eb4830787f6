import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listenOnLoopback } from './loopback-server.js';

/** Git over https on 127.0.0.1, as a code host offers it, certified by an authority of its own. */
export interface GitServer {
  readonly port: number;
  /** PEM of the authority, and the file it is in. */
  readonly certificate: string;
  readonly certificateFile: string;
  /** Requests so far: method, path and who they said they are. */
  readonly requests: { readonly line: string; readonly authorization: string | undefined }[];
  /** Answers in git's place, or not (undefined). */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** A bare repository, filled by a script that runs in a working tree of it on branch `main`. */
  make(name: string, script: string): void;
  /** Only whoever brings this token gets in. */
  protect(name: string, token: string): void;
  url(name: string, host?: string): string;
  close(): void;
}

const IDENTITY = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.com', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@example.com' };
const CLEAN = { PATH: '/usr/local/bin:/usr/bin:/bin', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', ...IDENTITY };

export async function startGitServer(): Promise<GitServer> {
  const directory = mkdtempSync(join(tmpdir(), 'rondo-git-server-'));
  const repositories = join(directory, 'repositories');
  mkdirSync(repositories);
  const env = { ...CLEAN, HOME: directory };
  const sh = (script: string, cwd = directory) => execFileSync('/bin/sh', ['-euc', script], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  sh(`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=git -keyout server.key -out server.csr
printf 'subjectAltName=DNS:git.test,DNS:localhost,IP:127.0.0.1\\n' > extensions
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.pem`);

  const tokens = new Map<string, string>();
  const server: Omit<GitServer, 'port'> = {
    certificate: readFileSync(join(directory, 'ca.pem'), 'utf8'),
    certificateFile: join(directory, 'ca.pem'),
    requests: [],
    intercept: undefined,
    make(name, script) {
      const bare = join(repositories, `${name}.git`);
      const tree = mkdtempSync(join(directory, 'tree-'));
      sh(`git init -q --bare -b main "${bare}"; git init -q -b main .; git remote add origin "${bare}"`, tree);
      sh(script, tree);
      sh('if git rev-parse -q --verify HEAD; then git push -q origin --all; fi', tree);
      // Like the great hosts: a commit may be asked for by its hash.
      sh('git config uploadpack.allowReachableSHA1InWant true', bare);
    },
    protect: (name, token) => void tokens.set(name, token),
    url: () => '',
    close() {
      https.closeAllConnections();
      https.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  const https = createServer({ key: readFileSync(join(directory, 'server.key')), cert: readFileSync(join(directory, 'server.pem')) }, (request, response) => {
    const { authorization } = request.headers;
    server.requests.push({ line: `${request.method} ${request.url}`, authorization });
    if (server.intercept?.(request, response)) return;
    const token = tokens.get(/^\/([^/]+)\.git\//.exec(request.url ?? '')?.[1] ?? '');
    const isKnown = token === undefined || authorization === `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
    // Git takes what is pushed from those who have said who they are.
    if (isKnown) return answer(request, response, repositories, token === undefined ? env : { ...env, REMOTE_USER: 'x-access-token' });
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('who are you?');
  });
  const port = await listenOnLoopback(https);
  return Object.assign(server, { port, url: (name: string, host = 'git.test') => `https://${host}:${port}/${name}.git` });
}

/** git's own CGI program. */
function answer(request: IncomingMessage, response: ServerResponse, root: string, env: Readonly<Record<string, string>>): void {
  const url = new URL(request.url ?? '/', 'https://git.test');
  const backend = spawn('git', ['http-backend'], {
    env: {
      ...env,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(backend.stdin);
  backend.stdin.on('error', () => undefined);
  let head = Buffer.alloc(0);
  let begun = false;
  backend.stdout.on('data', (chunk: Buffer) => {
    if (begun) return void response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    begun = true;
    const headers = Object.fromEntries(
      head
        .subarray(0, end)
        .toString()
        .split('\r\n')
        .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const { status, ...rest } = headers;
    response.writeHead(Number.parseInt(status ?? '200', 10), rest);
    response.write(head.subarray(end + 4));
  });
  backend.on('close', () => response.end());
}
