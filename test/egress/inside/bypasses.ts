import { describe, expect, it } from 'vitest';
import { waitFor } from '../../support/wait-for.js';
import { control } from '../egress.fixture.js';
import { allowing } from './clients.js';
import type { Inside, InsideSession } from './inside.fixture.js';
import { API, OTHER, REFUSED } from './remote.js';

const PROXY = 'http://127.0.0.1:3128';

/** Opens a tunnel and speaks TLS in it with another name than the tunnel's. */
const tlsFor = (authority: string, servername: string) =>
  `node -e 'const s = require("net").connect(3128, "127.0.0.1", () => s.write("CONNECT ${authority} HTTP/1.1\\r\\nHost: ${authority}\\r\\n\\r\\n"));
s.once("data", (d) => { console.log(String(d).slice(0, 12)); const t = require("tls").connect({ socket: s, servername: "${servername}", rejectUnauthorized: false }, () => { console.log("greeted"); t.end() });
t.on("error", (e) => { console.log("refused", e.code); process.exit() }); t.on("close", () => process.exit()); })'`;

/** Ways around the policy, from inside: none reaches the other side. */
export function describeBypasses(inside: () => Inside): void {
  describe('no way leads around the policy', () => {
    let session: InsideSession;
    const open = async () => (session ??= await inside().session({ networking: allowing(API) }));

    const WAYS: readonly [string, (remote: Inside['remote']) => string, RegExp][] = [
      ['a direct connection to an allowed name', ({ at }) => `curl -sS --noproxy '*' ${at('/way')} 2>&1`, /Could not resolve/],
      ['no proxy variables', ({ at }) => `env -i PATH=$PATH curl -sSk ${at('/way')} 2>&1`, /Could not resolve/],
      ['a direct connection to an address', ({ port }) => `curl -sSk --noproxy '*' https://127.0.0.1:${port}/way 2>&1`, /refused|[Ff]ailed to connect/],
      ['CONNECT to an address of this machine', ({ port }) => `curl -sSik -x ${PROXY} --noproxy '' https://127.0.0.1:${port}/way 2>&1`, /40[03]/],
      [
        'CONNECT to the metadata service',
        () => `curl -sSik -x ${PROXY} --noproxy '' https://169.254.169.254/latest 2>&1; curl -sS -x ${PROXY} http://169.254.169.254/latest`,
        /40[03][\s\S]*not/,
      ],
      [
        'CONNECT to private addresses',
        () =>
          `for a in 10.0.0.1 172.17.0.1 192.168.0.1 '[fd00::1]' '[::1]' 0x7f.1 2130706433; do curl -sSik -m 5 -x ${PROXY} --noproxy '' https://$a/way 2>&1 | grep -c 'HTTP/1.1 40[03]'; done | sort | uniq -c`,
        /^\s*7 1$/,
      ],
      ['localhost by name', ({ port }) => `curl -sSik -x ${PROXY} --noproxy '' https://localhost:${port}/way 2>&1`, /403/],
      ['another name in the host header', ({ at }) => `curl -sS -H 'Host: ${REFUSED}' ${at('/way')}`, /does not pass this request on/],
      [
        'a whole address within a tunnel',
        ({ at }) => `curl -sS --http1.1 --request-target 'https://${REFUSED}/way' ${at('/')}`,
        /does not pass this request on/,
      ],
      ['another name in the greeting of TLS', ({ port }) => tlsFor(`${API}:${port}`, REFUSED), /HTTP\/1\.1 200\s+refused/],
      [
        'the socket itself',
        ({ port }) =>
          `printf 'CONNECT ${REFUSED}:${port} HTTP/1.1\\r\\nHost: ${REFUSED}:${port}\\r\\n\\r\\n' | socat -t 5 - UNIX-CONNECT:/run/rondo/egress/egress.sock`,
        /403 Forbidden/,
      ],
      [
        'a tunnel for something that is not TLS',
        () => `printf 'CONNECT ${API}:443 HTTP/1.1\\r\\nHost: ${API}:443\\r\\n\\r\\nSSH-2.0-x\\r\\n' | socat -t 5 - TCP:127.0.0.1:3128; echo over`,
        /200 Connection established\s+over/,
      ],
      [
        'another request hidden behind a first',
        ({ port }) =>
          `printf 'GET http://${API}:${port}/ HTTP/1.1\\r\\nHost: ${API}:${port}\\r\\nContent-Length: 4\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\nGET http://${REFUSED}:${port}/way HTTP/1.1\\r\\nHost: ${REFUSED}:${port}\\r\\n\\r\\n' | socat -t 5 - TCP:127.0.0.1:3128`,
        /^HTTP\/1\.1 400/,
      ],
      ['another port of an allowed host', ({ port }) => `curl -sSi https://${API}:${port + 1}/way 2>&1`, /50[24]|refused/],
    ];
    it.each(WAYS)('%s', async (_name, way, outcome) => {
      const { remote } = inside();
      const { run } = await open();
      const before = remote.received.length;
      expect(await run(way(remote))).toMatch(outcome);
      expect(remote.received.length).toBe(before);
    });

    it('while the allowed way is open', async () => {
      const { remote } = inside();
      expect(await (await open()).run(`curl -sS ${remote.at('/way')}`)).toContain('"url":"/way"');
    });
  });

  describe('the socket is who asks', () => {
    it("another session's socket is nowhere to be found, and one's own folder cannot be changed", async () => {
      const [one, two] = [await inside().session({ networking: allowing(API) }), await inside().session({ networking: allowing(OTHER) })];
      for (const { run } of [one, two]) await run('echo started');
      const { platform } = inside();
      const seen = await one.run(
        `find / -name '*.sock' -not -path '/proc/*' 2>/dev/null; ls -d ${platform.home} /proc/1/root${platform.home}/egress 2>&1; rm -f /run/rondo/egress/egress.sock; touch /run/rondo/egress/x; ln -s / /run/rondo/egress/y; find /run/rondo/egress -name '*key*'; ls /run/rondo/egress`,
      );
      expect(seen.match(/egress\.sock$/gm)?.length).toBeGreaterThanOrEqual(2);
      expect(seen).not.toMatch(/control\.sock|sesn_/);
      expect(seen.match(/Read-only file system|Permission denied/g)?.length).toBe(3);
      expect(seen.match(/ca\.pem/g)?.length).toBe(1);
      const { remote } = inside();
      expect(await one.run(`curl -sS ${remote.at('/own')}; curl -sSi ${remote.at('/own', OTHER)} 2>&1`)).toMatch(/"url":"\/own"[\s\S]*403 Forbidden/);
      expect(await two.run(`curl -sS ${remote.at('/own', OTHER)}; curl -sSi ${remote.at('/own')} 2>&1`)).toMatch(/"url":"\/own"[\s\S]*403 Forbidden/);
    });

    it('a sandbox that has been replaced has no way out any more', async () => {
      const { remote, controlSocket, platform } = inside();
      const session = await inside().session({ networking: allowing(API) });
      expect(await session.run(`curl -sS ${remote.at('/first')}`)).toContain('"url":"/first"');
      const generation = await session.generation();
      // As if another host had gone on with the session while this sandbox still runs.
      const next = await control(controlSocket, 'PUT', `/sandboxes/${session.id}/${generation + 1}`, { workspace_id: platform.workspaceId });
      expect(next.status).toBe(200);
      const before = remote.received.length;
      expect(await session.run(`curl -sSi ${remote.at('/stale')} 2>&1`)).toContain('503');
      expect((await control(controlSocket, 'PUT', `/sandboxes/${session.id}/${generation}`, { workspace_id: platform.workspaceId })).status).toBe(409);
      expect(remote.received.length).toBe(before);
    });
  });

  describe('without recreating anything', () => {
    it('a change of the policy holds from the next request on', async () => {
      const { remote, platform } = inside();
      const session = await inside().session({ networking: allowing(API) });
      const other = `curl -sSi ${remote.at('/changed', OTHER)} 2>&1`;
      expect(await session.run(`echo here > /tmp/mark; ${other}`)).toContain('403 Forbidden');
      const change = (...hosts: string[]) =>
        platform.request('POST', `/v1/environments/${session.environmentId}`, { config: { type: 'cloud', networking: allowing(...hosts) } });
      expect((await change(API, OTHER)).status).toBe(200);
      expect(await session.run(other)).toContain('"url":"/changed"');
      expect((await change(API)).status).toBe(200);
      expect(await session.run(`${other}; cat /tmp/mark`)).toMatch(/403 Forbidden[\s\S]*here$/);
      expect(await session.generation()).toBe(1);
    });

    it('a killed gateway cuts what goes on, lets nothing pass, and serves the same sandboxes when it is back', async () => {
      const { remote } = inside();
      const session = await inside().session({ networking: allowing(API) });
      await session.run(`echo here > /tmp/mark; (curl -sS ${remote.at('/slow')} -o /tmp/slow; echo "ended $?" > /tmp/ended) >/dev/null 2>&1 &`);
      await waitFor('the download to begin', () => (remote.received.some(({ url }) => url === '/slow') ? true : undefined));
      await inside().egress().kill();
      const before = remote.received.length;
      expect(
        await session.run(`for i in $(seq 100); do [ -e /tmp/ended ] && break; sleep 0.1; done; cat /tmp/ended; curl -sSi ${remote.at('/while')} 2>&1`),
      ).toMatch(/ended [1-9][\s\S]*503/);
      expect(remote.received.length).toBe(before);
      await inside().startEgress();
      expect(await session.run(`curl -sS ${remote.at('/after')}; curl -sSi ${remote.at('/after', REFUSED)} 2>&1; cat /tmp/mark`)).toMatch(
        /"url":"\/after"[\s\S]*403 Forbidden[\s\S]*here$/,
      );
      expect(await session.generation()).toBe(1);
    });
  });
}
