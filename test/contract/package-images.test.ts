import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createBubblewrapImages } from '../../activities/sandbox/bubblewrap-images.adapter.js';
import type { BuildConfiguration } from '../../activities/sandbox/build-configuration.js';
import { createDockerImages } from '../../activities/sandbox/docker-images.adapter.js';
import type { PackageImages } from '../../activities/sandbox/package-image.js';
import { selectImages } from '../../activities/sandbox/select-images.js';
import type { PackageLists } from '../../workflows/contract/schema/packages.js';
import { aSandboxEngine, type TestEngine } from '../support/sandbox-engines.js';
import { testServices } from '../support/services.js';
import { aSandbox, freshId, textOf } from './sandbox.fixture.js';

const MINUTES = 60_000;
/** For a machine that is busy with other tests. */
const BUILD_MS = 25 * MINUTES;
const services = testServices();
const docker = new Docker({ socketPath: services.dockerSocket });
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const usual: BuildConfiguration = { files: [CERTIFICATES, '/etc/pip.conf'], environment: {} };
const run = promisify(execFile);

interface Maker {
  images(configuration: BuildConfiguration): PackageImages;
  /** What a build that is over must not leave. */
  leftOver(): Promise<string[]>;
  /** Whether the text is anywhere in what is kept of an image, in any of its layers. */
  holds(image: string, text: string): Promise<boolean>;
  remove(image: string): Promise<void>;
}

const makers: Record<'docker-runc' | 'bubblewrap', (engine: TestEngine) => Maker> = {
  'docker-runc': ({ directory }) => {
    const installation = path.basename(directory);
    return {
      images: (configuration) => createDockerImages({ address: `unix://${services.dockerSocket}`, base: services.image, installation, configuration }),
      async leftOver() {
        const containers = await docker.listContainers({ all: true, filters: { label: [`dev.rondo.build=${installation}`] } });
        // Of this installation: a worker of another test may have been killed over a build.
        const images = await docker.listImages({ filters: { label: [`dev.rondo.packages=${installation}`] } });
        const fetched = images.flatMap(({ RepoTags }) => RepoTags ?? []).filter((tag) => tag.includes('-fetched-'));
        return [...containers.flatMap(({ Names }) => Names), ...fetched];
      },
      async holds(image, text) {
        const folder = fs.mkdtempSync(path.join(directory, 'saved-'));
        const save = `docker -H "$1" save "$2" | tar -x -C "$3"; cd "$3"; for layer in */layer.tar; do mkdir "$layer.files"; tar -x -f "$layer" -C "$layer.files"; done`;
        await run('sh', ['-c', save, 'save', `unix://${services.dockerSocket}`, image, folder]);
        return found(folder, text);
      },
      remove: async (image) => void (await docker.getImage(image).remove({ force: true })),
    };
  },
  bubblewrap: ({ directory }) => {
    const imagesDirectory = path.join(directory, 'images');
    const { rootfs, bwrap } = services;
    if (rootfs === undefined) throw new Error('There is no root file system for bubblewrap; run npm run setup.');
    const common = { bwrap, rootfs, imagesDirectory, installation: path.basename(directory), stateDirectory: path.join(directory, 'state') };
    return {
      images: (configuration) => createBubblewrapImages({ ...common, configuration }),
      leftOver: async () => fs.readdirSync(imagesDirectory).filter((name) => name.startsWith('.')),
      holds: (image, text) => found(path.join(imagesDirectory, image), text),
      remove: async (image) => fs.rmSync(path.join(imagesDirectory, image), { recursive: true }),
    };
  },
};

const found = (folder: string, text: string): Promise<boolean> =>
  run('grep', ['-rqF', '--', text, folder]).then(
    () => true,
    ({ code }: { code: number }) => {
      if (code === 1) return false;
      throw new Error(`grep ended with ${code}`);
    },
  );

describe.each(['bubblewrap', 'docker-runc'] as const)('images with packages for %s', (name) => {
  let engine: TestEngine;
  let maker: Maker;
  /** With what the tests that only need some image need. */
  let several: string;
  const kept: string[] = [];
  beforeAll(async () => {
    engine = aSandboxEngine(name);
    maker = makers[name](engine);
    several = await built({ apt: ['hello', 'ruby'], pip: ['cowsay==6.1'], npm: ['semver@7.6.3'] });
  }, BUILD_MS);
  afterAll(async () => {
    for (const image of kept) await maker.remove(image);
    await engine.dispose();
  });

  const built = async (packages: PackageLists, configuration = usual): Promise<string> => {
    const images = maker.images(configuration);
    const image = await images.nameOf(freshId('packages').slice(9).repeat(2));
    expect(await images.exists(image)).toBe(false);
    await images.build(image, packages, AbortSignal.timeout(BUILD_MS));
    kept.push(image);
    expect(await images.exists(image)).toBe(true);
    expect(await maker.leftOver()).toEqual([]);
    return image;
  };

  /** What a command says in a sandbox of an image; the sandbox is ended with the test. */
  const said = async (image: string, command: string): Promise<string> => {
    const sandbox = await aSandbox(engine, { image });
    onTestFinished(() => engine.provider.destroy(sandbox.spec.name));
    return textOf(await sandbox.bash(command));
  };

  it('have what apt, pip and npm install, for the sandbox user, and no program that gives rights', async () => {
    const commands = [
      'hello',
      'python3 -c "import cowsay; print(cowsay.__version__)"',
      'semver 1.2.3',
      'find / -xdev -type f -perm /6000 2>/dev/null',
      'id -u',
    ];
    expect(await said(several, commands.join('; '))).toBe('Hello, world!\n6.1\n1.2.3\n10001');
  });

  // One of them for each engine: toolchains are large, and what is done with them is the same everywhere.
  const compiled = {
    bubblewrap: { packages: { go: ['rsc.io/2fa@v1.2.0'] }, command: 'command -v 2fa', answer: '/usr/local/bin/2fa' },
    'docker-runc': { packages: { cargo: ['hexyl@0.8.0'] }, command: 'hexyl --version', answer: 'hexyl 0.8.0' },
  }[name];
  it(`have programs that ${Object.keys(compiled.packages).join()} builds on the path`, { timeout: BUILD_MS }, async () => {
    expect(await said(await built(compiled.packages), compiled.command)).toBe(compiled.answer);
  });

  it('that cannot be made say which package manager failed, and why', { timeout: BUILD_MS }, async () => {
    const images = maker.images(usual);
    const image = await images.nameOf('0'.repeat(64));
    const build = (packages: PackageLists) => images.build(image, packages, AbortSignal.timeout(BUILD_MS));
    await expect(build({ pip: ['a-package-that-nobody-has-made==1.0'] })).rejects.toMatchObject({
      code: 'sandbox.image_failed',
      message: expect.stringMatching(/pip download ended with exit code 1: .*No matching distribution/s),
    });
    await expect(build({ apt: ['a-package-that-nobody-has-made'] })).rejects.toMatchObject({
      code: 'sandbox.image_failed',
      message: expect.stringMatching(/apt-get install ended with exit code 100: .*Unable to locate package/s),
    });
    expect(await images.exists(image)).toBe(false);
    expect(await maker.leftOver()).toEqual([]);
  });

  it('fetch gems with the settings of the host and run their programs without a network; no token stays', { timeout: BUILD_MS }, async () => {
    const token = freshId('canary');
    const registry = await aGemServer(several, token);
    const settings = path.join(engine.directory, 'gemrc');
    fs.writeFileSync(settings, `---\n:sources:\n- http://reader:${token}@127.0.0.1:${registry.port}/\n`);
    const configuration = {
      files: [...usual.files, settings],
      environment: { GEMRC: settings, GOPROXY: `http://reader:${token}@127.0.0.1:${registry.port}/go` },
    };
    const image = await built({ gem: ['greeter:1.0.0'] }, configuration);
    expect(await said(image, 'greeter; env; cat /root/.gemrc')).toMatch(/^hello from base, built with Errno::\w+/);
    expect(registry.refused()).toBe(0);
    expect(await maker.holds(image, 'hello from base')).toBe(true);
    expect(await maker.holds(image, token)).toBe(false);

    const images = maker.images(configuration);
    const failing = images.build(await images.nameOf('1'.repeat(64)), { gem: ['a-gem-that-nobody-has-made'] }, AbortSignal.timeout(BUILD_MS));
    const failure = await failing.then(
      () => 'built',
      (error: Error) => error.message,
    );
    expect(failure).toContain('a-gem-that-nobody-has-made');
    expect(failure).not.toContain(token);
  });

  it('are kept for a day when nothing wants them', async () => {
    const images = maker.images(usual);
    expect(await images.removeUnused(new Set())).toEqual([]);
    expect(await images.exists(several)).toBe(true);
  });

  /** A registry of gems that asks for the token; `greeter` needs `base`, and builds an extension that tries to reach it. */
  async function aGemServer(rubyImage: string, token: string) {
    const sandbox = await aSandbox(engine, { image: rubyImage });
    onTestFinished(() => engine.provider.destroy(sandbox.spec.name));
    let refused = 0;
    const server = createServer((request, response) => {
      const given = Buffer.from(request.headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString();
      if (given !== `reader:${token}`) {
        refused += 1;
        return response.writeHead(401).end();
      }
      const file = path.join(sandbox.spec.workspaceDirectory, 'served', new URL(request.url ?? '/', 'http://x').pathname);
      return fs.existsSync(file) && fs.statSync(file).isFile() ? response.end(fs.readFileSync(file)) : response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const made = textOf(await sandbox.bash(gems(port)));
    expect(made, made).toContain('gems made');
    return { port, refused: () => refused };
  }
});

describe('root file systems with packages', () => {
  it('are removed when they are old and nothing wants or uses them', { timeout: BUILD_MS }, async () => {
    const engine = aSandboxEngine('bubblewrap');
    onTestFinished(() => engine.dispose());
    const images = makers.bubblewrap(engine).images(usual);
    const directory = path.join(engine.directory, 'images');
    const before = new Date(Date.now() - 25 * 60 * MINUTES);
    const [used, wanted, unwanted, young] = await Promise.all(['a', 'b', 'c', 'd'].map((letter) => images.nameOf(letter.repeat(64))));
    fs.mkdirSync(directory);
    // Only what a sandbox is made of is a whole one.
    await run('cp', ['-a', services.rootfs ?? '', path.join(directory, used ?? '')]);
    for (const name of [wanted, unwanted, young]) fs.mkdirSync(path.join(directory, name ?? ''));
    for (const name of [used, wanted, unwanted]) fs.utimesSync(path.join(directory, name ?? ''), before, before);
    expect(await images.exists(young ?? '')).toBe(true);
    const sandbox = await aSandbox(engine, { image: used });
    fs.utimesSync(path.join(directory, used ?? ''), before, before);
    expect(await images.removeUnused(new Set([wanted ?? '']))).toEqual([unwanted]);
    await engine.provider.destroy(sandbox.spec.name);
    expect(await images.removeUnused(new Set([wanted ?? '']))).toEqual([used]);
    expect(fs.readdirSync(directory).toSorted()).toEqual([wanted, young].toSorted());
  });
});

const gemspec = (name: string, more: string) =>
  `Gem::Specification.new { |s| s.name = "${name}"; s.version = "1.0.0"; s.summary = "x"; s.authors = ["x"]; ${more} }`;

const gems = (port: number) => `
set -e
mkdir -p base/lib greeter/bin greeter/ext served/gems
echo 'def base_says = "hello from base"' > base/lib/base_words.rb
echo '${gemspec('base', 's.files = ["lib/base_words.rb"]')}' > base/base.gemspec
cat > greeter/ext/extconf.rb <<'END'
require 'socket'
seen = begin TCPSocket.new('127.0.0.1', ${port}); 'a network'; rescue SystemCallError => e; e.class.to_s end
File.write(File.join(__dir__, 'seen'), seen)
File.write('Makefile', "all:\\ninstall:\\nclean:\\n")
END
printf '#!/usr/bin/env ruby\\nrequire "base_words"\\nputs base_says + ", built with " + File.read(File.join(__dir__, "../ext/seen"))\\n' > greeter/bin/greeter
chmod +x greeter/bin/greeter
echo '${gemspec('greeter', 's.files = ["bin/greeter", "ext/extconf.rb"]; s.bindir = "bin"; s.executables = ["greeter"]; s.extensions = ["ext/extconf.rb"]; s.add_runtime_dependency "base", "~> 1.0"')}' > greeter/greeter.gemspec
(cd base && gem build -q base.gemspec && mv *.gem ../served/gems)
(cd greeter && gem build -q greeter.gemspec && mv *.gem ../served/gems)
gem generate_index --quiet --directory served
echo gems made
`;

describe('where no image with packages can be made', () => {
  const configuration = usual;
  const settings = { image: services.image, dockerHost: undefined, bwrap: services.bwrap, installation: 'test', home: '/nowhere', configuration };

  it('says what to do instead', () => {
    expect(selectImages({ ...settings, rootfs: undefined }, { engine: 'bubblewrap' })).toMatch(/root file system of their own/);
    expect(selectImages({ ...settings, rootfs: services.rootfs, minimumIsolation: 'gvisor' }, { engine: 'docker' })).toMatch(
      /RONDO_MIN_ISOLATION asks for gvisor/,
    );
    expect(selectImages({ ...settings, rootfs: services.rootfs, minimumIsolation: 'container' }, { engine: 'bubblewrap' })).toMatch(/asks for container/);
  });
});
