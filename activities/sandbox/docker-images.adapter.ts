import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import Docker from 'dockerode';
import { RondoError } from '../../workflows/contract/errors.js';
import { connectionOf, statusOf } from './docker-connection.adapter.js';
import { type BuildStep, NOT_BUILT, type PackageImages, planBuild } from './package-image.js';

export interface DockerImagesOptions {
  readonly address: string;
  /** What the images are made of. */
  readonly base: string;
  readonly installation: string;
  /** Of this host, shown to the package managers at the same place: their settings and certificates. */
  readonly files: readonly string[];
}

/** On containers that build; what is made of the image does not inherit it. */
const BUILD_LABEL = 'dev.rondo.build';
/** A container this old was left by a process that died. */
const ABANDONED_SECONDS = 30 * 60;
const MEMORY_BYTES = 2 * 1024 ** 3;
/** What of a package manager's last words is told. */
const TOLD_CHARACTERS = 2_000;

/** Images made in containers of the plain runtime: what gVisor writes cannot be committed. */
export function createDockerImages(options: DockerImagesOptions): PackageImages {
  const docker = new Docker(connectionOf(options.address));
  const [repository, tag] = split(options.base);

  /** Runs the steps one after another in a new container, and makes an image of what it then is. */
  const layer = async (from: string, to: string, network: 'host' | 'none', steps: readonly BuildStep[], signal: AbortSignal): Promise<void> => {
    const mounts = network === 'host' ? await configuration(options.files) : [];
    const container = await docker.createContainer({
      name: `rondo-build-${randomBytes(8).toString('hex')}`,
      Image: from,
      User: '0:0',
      WorkingDir: '/',
      Labels: { [BUILD_LABEL]: options.installation },
      Entrypoint: ['/bin/sleep'],
      Cmd: ['infinity'],
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'DEBIAN_FRONTEND=noninteractive', 'LANG=C.UTF-8'],
      HostConfig: {
        NetworkMode: network,
        SecurityOpt: ['no-new-privileges:true'],
        Mounts: mounts,
        LogConfig: { Type: 'none', Config: {} },
        Memory: MEMORY_BYTES,
      },
    });
    try {
      await container.start();
      for (const step of steps) {
        signal.throwIfAborted();
        await run(container, step);
      }
      await container.commit({ repo: repository, tag: to.slice(repository.length + 1), changes: `LABEL ${BUILD_LABEL}=` });
    } finally {
      await container.remove({ force: true, v: true });
    }
  };

  const removeAbandoned = async (): Promise<void> => {
    const before = Date.now() / 1_000 - ABANDONED_SECONDS;
    const building = await docker.listContainers({ all: true, filters: { label: [`${BUILD_LABEL}=${options.installation}`] } });
    for (const { Id } of building.filter(({ Created }) => Created < before)) await docker.getContainer(Id).remove({ force: true, v: true });
  };

  return {
    async exists(image) {
      try {
        await docker.getImage(image).inspect();
        return true;
      } catch (error) {
        if (statusOf(error) === 404) return false;
        throw failed(image, error);
      }
    },
    async build(image, packages, signal) {
      const missing = NOT_BUILT.filter((manager) => (packages[manager] ?? []).length > 0);
      if (missing.length > 0)
        throw new RondoError(
          'sandbox.image_failed',
          `packages.${missing.join(', packages.')}: cannot be built into an image here; install them in the session.`,
        );
      const { fetch, install } = planBuild(packages);
      const fetched = `${repository}:${tag}-fetched-${randomBytes(6).toString('hex')}`;
      try {
        await removeAbandoned();
        await layer(options.base, fetched, 'host', fetch, signal);
        await layer(fetched, image, 'none', install, signal);
      } catch (error) {
        throw error instanceof RondoError ? error : failed(image, error);
      } finally {
        await docker
          .getImage(fetched)
          .remove({ noprune: true })
          .catch(() => undefined);
      }
    },
  };
}

async function run(container: Docker.Container, step: BuildStep): Promise<void> {
  const exec = await container.exec({ Cmd: [...step], AttachStdout: true, AttachStderr: true, Tty: true });
  const said = (await buffer(await exec.start({ hijack: true, Tty: true }))).toString('utf8');
  const { ExitCode: code } = await exec.inspect();
  if (code === 0) return;
  throw new RondoError(
    'sandbox.image_failed',
    `${step.slice(0, 2).join(' ')} ended with exit code ${String(code)}: ${said.replaceAll('\r', '').trim().slice(-TOLD_CHARACTERS)}`,
  );
}

/** Those of the files that are there. */
async function configuration(files: readonly string[]): Promise<Docker.MountSettings[]> {
  const found = await Promise.all(files.map((file) => fs.realpath(file).catch(() => undefined)));
  return files.flatMap((file, index) => {
    const source = found[index];
    return source === undefined ? [] : [{ Type: 'bind' as const, Source: source, Target: file, ReadOnly: true }];
  });
}

function split(image: string): [string, string] {
  const colon = image.lastIndexOf(':');
  return colon > image.lastIndexOf('/') ? [image.slice(0, colon), image.slice(colon + 1)] : [image, 'latest'];
}

const failed = (image: string, cause: unknown): RondoError =>
  new RondoError('sandbox.failed', `The Docker engine could not make image ${image}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
