import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerImages } from '../../activities/sandbox/docker-images.adapter.js';
import { packagedImage } from '../../activities/sandbox/package-image.js';
import type { PackageLists } from '../../workflows/contract/schema/packages.js';
import { aSandboxEngine, type TestEngine } from '../support/sandbox-engines.js';
import { testServices } from '../support/services.js';
import { aSandbox, freshId, textOf } from './sandbox.fixture.js';

const services = testServices();
const address = `unix://${services.dockerSocket}`;
const docker = new Docker({ socketPath: services.dockerSocket });
const images = createDockerImages({ address, base: services.image, installation: 'test', files: ['/etc/ssl/certs/ca-certificates.crt', '/etc/pip.conf'] });
const signal = AbortSignal.timeout(600_000);
const nothingOf = async () => ({
  containers: (await docker.listContainers({ all: true, filters: { label: ['dev.rondo.build=test'] } })).length,
  fetched: (await docker.listImages()).filter(({ RepoTags }) => RepoTags?.some((tag) => tag.includes('-fetched-'))).length,
});

let engine: TestEngine;
beforeAll(() => {
  engine = aSandboxEngine('docker-runc');
});
afterAll(() => engine.dispose());

describe('an image with packages', () => {
  it('has what pip, apt and npm install, their own programs run without a network, and leaves nothing behind', { timeout: 600_000 }, async () => {
    const image = packagedImage(services.image, freshId('a').slice(2));
    const packages: PackageLists = { apt: ['hello'], pip: ['cowsay==6.1'], npm: ['semver@7.6.3'] };
    expect(await images.exists(image)).toBe(false);
    await images.build(image, packages, signal);
    expect(await images.exists(image)).toBe(true);
    const sandbox = await aSandbox(engine, { image });
    const seen = textOf(
      await sandbox.bash(
        'hello; python3 -c "import cowsay; print(cowsay.__version__)"; semver 1.2.3; id -u; find / -xdev -type f -perm /6000 2>/dev/null | head',
      ),
    );
    expect(seen).toContain('Hello, world!\n6.1');
    expect(seen).toMatch(/1\.2\.3\n10001$/);
    expect(await nothingOf()).toEqual({ containers: 0, fetched: 0 });
    await engine.provider.destroy(sandbox.spec.name);
    await docker.getImage(image).remove({ force: true });
  });

  it('that cannot be made says which package manager failed, and why', { timeout: 600_000 }, async () => {
    const image = packagedImage(services.image, freshId('b').slice(2));
    await expect(images.build(image, { pip: ['a-package-that-nobody-has-made==1.0'] }, signal)).rejects.toMatchObject({
      code: 'sandbox.image_failed',
      message: expect.stringMatching(/pip download ended with exit code 1: .*No matching distribution/s),
    });
    await expect(images.build(image, { cargo: ['ripgrep'] }, signal)).rejects.toMatchObject({ code: 'sandbox.image_failed' });
    expect(await images.exists(image)).toBe(false);
    expect(await nothingOf()).toEqual({ containers: 0, fetched: 0 });
  });
});
