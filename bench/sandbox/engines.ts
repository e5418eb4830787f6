import type { Environment } from '../../infra/config/config.js';

/** An engine with a runtime. */
export interface BenchEngine {
  /** What `--engine` calls it. */
  readonly id: string;
  readonly name: string;
  /** The settings that choose it. */
  readonly environment: Environment;
}

/** The three that must be there, and whatever else is registered with Docker under a name of its own. */
export function enginesOf(runtimes: readonly string[]): BenchEngine[] {
  const others = runtimes.filter((runtime) => !['runc', 'runsc'].includes(runtime) && !runtime.startsWith('io.containerd.'));
  const docker = (runtime: string): BenchEngine => ({
    id: runtime,
    name: `docker with ${runtime}`,
    environment: { RONDO_SANDBOX: 'docker', RONDO_SANDBOX_RUNTIME: runtime },
  });
  return [
    ...['runsc', 'runc', ...others].map(docker),
    { id: 'bubblewrap', name: 'bubblewrap', environment: { RONDO_SANDBOX: 'bubblewrap', RONDO_SANDBOX_RUNTIME: 'auto' } },
  ];
}
