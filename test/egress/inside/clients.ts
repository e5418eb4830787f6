import { describe, expect, it } from 'vitest';
import type { Inside, InsideSession } from './inside.fixture.js';
import { bringNpm } from './npm.js';
import { API, GIT, REFUSED } from './remote.js';

/** How a program reaches an address, and what it says of one that is refused: most say why, git and Node leave it out. */
interface Client {
  readonly name: string;
  readonly allowed: (remote: Inside['remote']) => string;
  readonly reached: RegExp;
  readonly refused: (remote: Inside['remote']) => string;
  readonly told: RegExp;
}

/** Names the host and the rule. */
const WHY = new RegExp(`403 Forbidden: The network policy of this session does not allow ${REFUSED}:\\d+: host is not allowed`);

const node = (url: string) =>
  `node -e 'fetch("${url}").then(async (r) => console.log(r.status, await r.text()), (e) => { console.log(String(e.cause ?? e)); process.exit(1) })'`;
const urllib = (url: string) => `python3 -c 'import urllib.request; print(urllib.request.urlopen("${url}").read().decode())' 2>&1`;
const requests = (url: string) => `python3 -c 'from pip._vendor import requests; print(requests.get("${url}").text)' 2>&1`;
const pip = (remote: Inside['remote'], host: string) =>
  `pip download --no-deps --retries 1 --disable-pip-version-check --dest /tmp/wheels --index-url ${remote.at('/simple', host)} rondo-probe 2>&1; ls /tmp/wheels`;

const CLIENTS: readonly Client[] = [
  {
    name: 'curl',
    allowed: (remote) => `curl -sS --http1.1 ${remote.at('/echo')} && curl -sS --http2 ${remote.at('/echo')}`,
    reached: /"url":"\/echo"[\s\S]*"url":"\/echo"/,
    refused: (remote) => `curl -sSi ${remote.at('/echo', REFUSED)} 2>&1`,
    told: WHY,
  },
  {
    name: 'git',
    allowed: (remote) => `rm -rf /tmp/project; git clone -q ${remote.git.url('open')} /tmp/project && cat /tmp/project/README.md`,
    reached: /from the repository/,
    refused: (remote) => `git ls-remote ${remote.git.url('open', REFUSED)} 2>&1`,
    told: /403/,
  },
  {
    name: 'pip',
    allowed: (remote) => pip(remote, API),
    reached: /rondo_probe-1\.0-py3-none-any\.whl/,
    refused: (remote) => `rm -rf /tmp/wheels; ${pip(remote, REFUSED)}`,
    told: WHY,
  },
  {
    name: "Node's fetch",
    allowed: (remote) => node(remote.at('/echo')),
    reached: /200 .*"url":"\/echo"/,
    refused: (remote) => node(remote.at('/echo', REFUSED)),
    told: /cancelled|403/,
  },
  {
    name: 'urllib',
    allowed: (remote) => urllib(remote.at('/echo')),
    reached: /"url": ?"\/echo"/,
    refused: (remote) => urllib(remote.at('/echo', REFUSED)),
    told: WHY,
  },
  {
    name: 'requests',
    allowed: (remote) => requests(remote.at('/echo')),
    reached: /"url": ?"\/echo"/,
    refused: (remote) => requests(remote.at('/echo', REFUSED)),
    told: WHY,
  },
];

export const allowing = (...hosts: unknown[]) => ({ type: 'limited', allowed_hosts: hosts });

/** Programs as they are in every sandbox, without a word about proxies or certificates. */
export function describeClients(inside: () => Inside): void {
  describe('programs find the way out by themselves, and trust it', () => {
    let session: InsideSession;
    it.each(CLIENTS)('$name reaches what is allowed and nothing else', async ({ allowed, reached, refused, told }) => {
      const { remote } = inside();
      session ??= await inside().session({ networking: allowing(API, GIT) });
      expect(await session.run(allowed(remote))).toMatch(reached);
      const before = remote.received.length;
      expect(await session.run(refused(remote))).toMatch(told);
      expect(remote.received.length).toBe(before);
    });

    it('npm reaches what is allowed and nothing else', async () => {
      const { remote } = inside();
      const npm = await bringNpm(session);
      const install = (host: string) =>
        `rm -rf /tmp/n; mkdir /tmp/n; (cd /tmp/n && ${npm} install --no-audit --no-fund --fetch-retries 0 --registry ${remote.at('/npm/', host)} rondo-probe 2>&1; node -e 'console.log(require("rondo-probe"))' 2>/dev/null)`;
      expect(await session.run(install(API))).toContain('the registry');
      const before = remote.received.length;
      expect(await session.run(install(REFUSED))).toMatch(/403|does not allow/);
      expect(remote.received.length).toBe(before);
    });

    it('without TLS the policy is the same', async () => {
      const { remote } = inside();
      const plain = `http://${REFUSED}:${remote.port}/`;
      expect(await session.run(`curl -sS ${plain}; curl -sS -o /dev/null -w '%{http_code}' ${plain}`)).toMatch(
        new RegExp(`does not allow ${REFUSED}:\\d+: host is not allowed[\\s\\S]*403`),
      );
    });
  });
}
