import { finished } from 'node:stream/promises';
import Docker from 'dockerode';

/** A Docker engine without Rondo, for comparison. */
export interface PlainDocker {
  /** Runs a program in a container to its end; throws unless it succeeds. Answers how long it took, in milliseconds. */
  timeExec(container: string, words: readonly string[]): Promise<number>;
  /** The full id of a container. */
  idOf(container: string): Promise<string>;
}

/** @param address `unix:///…` */
export function plainDocker(address: string): PlainDocker {
  const docker = new Docker({ socketPath: new URL(address).pathname });
  return {
    async timeExec(container, words) {
      const startedAt = performance.now();
      const exec = await docker.getContainer(container).exec({ Cmd: [...words], AttachStdout: true, AttachStderr: true });
      const output = await exec.start({});
      await finished(output.resume());
      const elapsed = performance.now() - startedAt;
      const { ExitCode } = await exec.inspect();
      if (ExitCode !== 0) throw new Error(`docker exec ${words.join(' ')} ended with ${String(ExitCode)}.`);
      return elapsed;
    },
    idOf: async (container) => (await docker.getContainer(container).inspect()).Id,
  };
}
