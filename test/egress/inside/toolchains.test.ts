import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheFolder } from '../../../scripts/setup/settings.mjs';
import { findGo } from '../../../scripts/setup/tools/go.mjs';
import { waitFor } from '../../support/wait-for.js';
import { allowing } from './clients.js';
import { type Engine, type Inside, type InsideSession, startInside } from './inside.fixture.js';
import { API, REFUSED } from './remote.js';

const PROGRAMS = 'test/egress/inside/programs';
const BUILD_MS = 600_000;

let folder: string;
let go: Buffer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rondo-probe-'));
  const compiler = await findGo({ cache: cacheFolder(process.env), environment: process.env });
  execFileSync(compiler, ['build', '-o', join(folder, 'probe'), `${PROGRAMS}/probe.go`], { env: { ...process.env, CGO_ENABLED: '0' } });
  go = readFileSync(join(folder, 'probe'));
}, 240_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Programs that an environment brings by its packages, or a caller by a file. */
describe.each<Engine>(['docker-runc', 'docker-runsc', 'bubblewrap'])('sandboxes of %s with packages', (engine) => {
  let inside: Inside;
  let session: InsideSession;
  const WHY = new RegExp(`Forbidden: The network policy of this session does not allow ${REFUSED}:\\d+: host is not allowed`);

  beforeAll(async () => {
    inside = await startInside(engine);
    session = await inside.session({
      networking: { ...allowing(API), allow_package_managers: true },
      packages: { type: 'packages', apt: ['openjdk-17-jdk-headless'] },
    });
    await waitFor(
      'the packages to be installed',
      async () => {
        const { image } = (await (await inside.platform.request('GET', `/v1/environments/${session.environmentId}`)).json()) as {
          image: { state: string; error?: string };
        };
        if (image.state === 'failed') throw new Error(image.error);
        return image.state === 'ready' ? true : undefined;
      },
      BUILD_MS,
    );
    await session.put('probe', go);
    await session.put('Probe.java', readFileSync(`${PROGRAMS}/Probe.java`));
  }, BUILD_MS + 60_000);
  afterAll(() => inside?.stop());

  /** Runs the script with an allowed and with a refused host in the place of HOST. */
  const both = async (script: (host: string) => string) => {
    const allowed = await session.run(script(API));
    const before = inside.remote.received.length;
    const refused = await session.run(script(REFUSED));
    expect(inside.remote.received.length).toBe(before);
    return { allowed, refused };
  };

  it('Go reaches what is allowed, and is told why it reaches nothing else', async () => {
    const { allowed, refused } = await both((host) => `chmod +x probe; ./probe ${inside.remote.at('/go', host)} 2>&1`);
    expect(allowed).toContain('"url":"/go"');
    expect(refused).toMatch(WHY);
  });

  it('Java reaches what is allowed, and is told why it reaches nothing else', async () => {
    const { allowed, refused } = await both((host) => `java Probe.java ${inside.remote.at('/java', host)} 2>&1`);
    expect(allowed).toMatch(/first .*"url":"\/java"[\s\S]*second .*"url":"\/java"/);
    expect(refused).toMatch(WHY);
  }, 120_000);
});
