import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import Docker from 'dockerode';
import { RondoError } from '../../workflows/contract/errors.js';
import { type BuildConfiguration, filesToShow, lastWords } from './build-configuration.js';
import { type BuildStep, dropSetuid, planBuild } from './build-plan.js';
import { connectionOf, statusOf } from './docker-connection.adapter.js';
import { BUILD_ENVIRONMENT, BUILD_MEMORY_BYTES, type PackageImages, packagedImage, UNUSED_KEPT_MS } from './package-image.js';

export interface DockerImagesOptions {
  readonly address: string;
  /** What the images are made of. */
  readonly base: string;
  readonly installation: string;
  readonly configuration: BuildConfiguration;
}

/** On containers that build; what is made of the image does not inherit it. */
const BUILD_LABEL = 'dev.rondo.build';
/** On images, so that an installation removes its own only. */
const IMAGE_LABEL = 'dev.rondo.packages';
/** A container this old was left by a process that died. */
const ABANDONED_SECONDS = 30 * 60;

/** Images made in containers of the plain runtime: what gVisor writes cannot be committed. */
export function createDockerImages(options: DockerImagesOptions): PackageImages {
  const docker = new Docker(connectionOf(options.address));
  const [repository, tag] = split(options.base);

  /** Runs the steps one after another in a new container, and makes an image of what it then is. */
  const layer = async (from: string, to: string, network: 'host' | 'none', steps: readonly BuildStep[], signal: AbortSignal): Promise<void> => {
    const shown = network === 'host' ? await filesToShow(options.configuration) : [];
    const environment = network === 'host' ? options.configuration.environment : {};
    const container = await docker.createContainer({
      name: `rondo-build-${randomBytes(8).toString('hex')}`,
      Image: from,
      User: '0:0',
      WorkingDir: '/',
      Labels: { [BUILD_LABEL]: options.installation },
      Entrypoint: ['/bin/sleep'],
      Cmd: ['infinity'],
      Env: assignments(BUILD_ENVIRONMENT),
      HostConfig: {
        NetworkMode: network,
        SecurityOpt: ['no-new-privileges:true'],
        Mounts: shown.map(({ source, target }) => ({ Type: 'bind' as const, Source: source, Target: target, ReadOnly: true })),
        LogConfig: { Type: 'none', Config: {} },
        Memory: BUILD_MEMORY_BYTES,
      },
    });
    // Ends the program that runs, and with it the wait for it.
    const stop = () => void container.kill().catch(() => undefined);
    signal.addEventListener('abort', stop);
    try {
      await container.start();
      for (const step of steps) {
        signal.throwIfAborted();
        await run(container, step, environment);
      }
      await container.commit({
        repo: repository,
        tag: to.slice(repository.length + 1),
        changes: `LABEL ${BUILD_LABEL}= ${IMAGE_LABEL}=${options.installation}`,
      });
    } finally {
      signal.removeEventListener('abort', stop);
      await container.remove({ force: true, v: true });
    }
  };

  const removeAbandoned = async (): Promise<void> => {
    const before = Date.now() / 1_000 - ABANDONED_SECONDS;
    const building = await docker.listContainers({ all: true, filters: { label: [`${BUILD_LABEL}=${options.installation}`] } });
    for (const { Id } of building.filter(({ Created }) => Created < before)) await docker.getContainer(Id).remove({ force: true, v: true });
  };

  /** Given to the program alone: what belongs to the container becomes part of the image. */
  const run = async (container: Docker.Container, { name, words }: BuildStep, environment: Readonly<Record<string, string>>): Promise<void> => {
    const exec = await container.exec({ Cmd: [...words], Env: assignments(environment), AttachStdout: true, AttachStderr: true, Tty: true });
    const said = (await buffer(await exec.start({ hijack: true, Tty: true }))).toString('utf8');
    const { ExitCode: code } = await exec.inspect();
    if (code === 0) return;
    throw new RondoError('sandbox.image_failed', `${name} ended with exit code ${String(code)}: ${await lastWords(said, options.configuration)}`);
  };

  return {
    nameOf: async (packagesHash) => packagedImage(options.base, packagesHash),
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
      const { fetch, install } = planBuild(packages);
      const fetched = `${repository}:${tag}-fetched-${randomBytes(6).toString('hex')}`;
      try {
        await removeAbandoned();
        await layer(options.base, fetched, 'host', fetch, signal);
        await layer(fetched, image, 'none', [...install, dropSetuid('/')], signal);
      } catch (error) {
        throw error instanceof RondoError ? error : failed(image, error);
      } finally {
        await docker
          .getImage(fetched)
          .remove({ noprune: true })
          .catch(() => undefined);
      }
    },
    async removeUnused(wanted) {
      const before = (Date.now() - UNUSED_KEPT_MS) / 1_000;
      const ours = await docker.listImages({ filters: { label: [`${IMAGE_LABEL}=${options.installation}`] } });
      const unused = ours.filter(({ Created }) => Created < before).flatMap(({ RepoTags }) => (RepoTags ?? []).filter((name) => !wanted.has(name)));
      const removed = [];
      for (const name of unused) {
        try {
          await docker.getImage(name).remove();
          removed.push(name);
        } catch (error) {
          // 409: some sandbox is still made of it.
          if (statusOf(error) !== 404 && statusOf(error) !== 409) throw failed(name, error);
        }
      }
      return removed;
    },
  };
}

const assignments = (environment: Readonly<Record<string, string>>): string[] => Object.entries(environment).map(([name, value]) => `${name}=${value}`);

function split(image: string): [string, string] {
  const colon = image.lastIndexOf(':');
  return colon > image.lastIndexOf('/') ? [image.slice(0, colon), image.slice(colon + 1)] : [image, 'latest'];
}

const failed = (image: string, cause: unknown): RondoError =>
  new RondoError('sandbox.failed', `The Docker engine could not make image ${image}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
