import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { type GitServer, startGitServer } from '../../support/git-server.js';
import { startTlsUpstream } from '../upstream.js';

export const [API, OTHER, REFUSED, GIT] = ['api.test', 'other.test', 'refused.test', 'git.test'] as const;

/** A request as it reached the other side. */
export interface Received {
  readonly host: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The internet of these tests: an API that answers with what it got, an index for pip, a registry for npm, and git. */
export interface Remote {
  readonly port: number;
  readonly received: Received[];
  readonly git: GitServer;
  /** Files for a gateway on this machine: whom to trust, and where the names lead. */
  readonly certificates: string;
  readonly hosts: string;
  at(path: string, host?: string): string;
  close(): void;
}

const BLOCK = Buffer.alloc(65_536, 'abcdefghijklmno\n');

export async function startRemote(): Promise<Remote> {
  const folder = mkdtempSync(join(tmpdir(), 'rondo-remote-'));
  const [wheel, archive] = [makeWheel(folder), await makeArchive()];
  const received: Received[] = [];
  const upstream = await startTlsUpstream([API, OTHER, REFUSED], (request, response) => {
    void buffer(request as IncomingMessage).then((bytes) => {
      const headers = request.headers as Record<string, string>;
      const { method = '', url = '' } = request;
      const host = String(headers['host'] ?? headers[':authority'] ?? '');
      received.push({ host, method, url, headers, body: bytes.toString('utf8') });
      const send = (type: string, body: string | Buffer) => void (response as ServerResponse).writeHead(200, { 'content-type': type }).end(body);
      const [path = ''] = url.split('?');
      if (path === '/simple/rondo-probe/') return send('text/html', '<a href="/files/rondo_probe-1.0-py3-none-any.whl">rondo_probe-1.0-py3-none-any.whl</a>');
      if (path.endsWith('.whl')) return send('application/octet-stream', wheel);
      if (path === '/npm/rondo-probe')
        return send('application/json', JSON.stringify(packument(`https://${host}/npm/rondo-probe/-/rondo-probe-1.0.0.tgz`, archive)));
      if (path.endsWith('.tgz')) return send('application/octet-stream', archive);
      if (path === '/slow') return drip(response as ServerResponse);
      send('application/json', JSON.stringify({ host, method, url, headers, body: bytes.toString('utf8') }));
    });
  });
  const git = await startGitServer();
  const certificates = join(folder, 'ca.pem');
  writeFileSync(certificates, `${upstream.ca}\n${git.certificate}`);
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, `127.0.0.1 localhost ${[API, OTHER, REFUSED, GIT].join(' ')}\n`);
  return {
    port: upstream.port,
    received,
    git,
    certificates,
    hosts,
    at: (path, host = API) => `https://${host}:${upstream.port}${path}`,
    close() {
      upstream.close();
      git.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An answer that has no end. */
function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write(BLOCK), 50);
  response.writeHead(200, { 'content-type': 'application/octet-stream' }).once('close', () => clearInterval(timer));
}

/** A package for pip with one module, which prints where it came from. */
function makeWheel(folder: string): Buffer {
  const file = join(folder, 'rondo_probe-1.0-py3-none-any.whl');
  const program = `import sys, zipfile
names = {"rondo_probe.py": "FROM = 'the index'\\n", "rondo_probe-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: rondo-probe\\nVersion: 1.0\\n",
  "rondo_probe-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n", "rondo_probe-1.0.dist-info/RECORD": ""}
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
  for name, content in names.items(): wheel.writestr(name, content)`;
  execFileSync('python3', ['-c', program, file]);
  return readFileSync(file);
}

async function makeArchive(): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name: 'package/package.json' }, JSON.stringify({ name: 'rondo-probe', version: '1.0.0', main: 'index.js' }));
  archive.entry({ name: 'package/index.js' }, "module.exports = 'the registry';\n");
  archive.finalize();
  return gzipSync(await buffer(archive as AsyncIterable<Buffer>));
}

const packument = (tarball: string, archive: Buffer) => ({
  name: 'rondo-probe',
  'dist-tags': { latest: '1.0.0' },
  versions: {
    '1.0.0': {
      name: 'rondo-probe',
      version: '1.0.0',
      main: 'index.js',
      dist: { tarball, integrity: `sha512-${createHash('sha512').update(archive).digest('base64')}` },
    },
  },
});
