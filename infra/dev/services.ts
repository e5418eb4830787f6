import type { Config } from '../config/config.js';
import { type DockerInfo, startDocker } from './docker.service.js';
import { claimHome, OWNER_RECORD } from './home-claim.js';
import { type PostgresInfo, startPostgres } from './postgres.service.js';
import { endRecorded, recordNames } from './process-record.js';
import type { RunningService, ServiceContext } from './service.js';
import { startTemporal, type TemporalInfo } from './temporal.service.js';

const LEFTOVER_GRACE_MS = 3_000;
const NOT_PROGRAMS: ReadonlySet<string> = new Set([OWNER_RECORD, 'postgres', 'temporal', 'docker']);

interface ServiceInfos {
  readonly postgres: PostgresInfo;
  readonly temporal: TemporalInfo;
  /** Undefined where no Docker can be had and `RONDO_SANDBOX` does not insist on it. */
  readonly docker: DockerInfo | undefined;
}

export type ServiceName = keyof ServiceInfos;

/** The started services, by name, as they are now. */
export type Services<Name extends ServiceName = ServiceName> = Pick<ServiceInfos, Name> & {
  /** SIGKILL and start again: same ports, same data. Resolves when it answers. For embedded services only. */
  restart(name: Name): Promise<void>;
  /** SIGKILL, without a new start. Resolves when the process is gone. For embedded services only. */
  kill(name: Name): Promise<void>;
  /** Starts what `kill` has ended. */
  start(name: Name): Promise<void>;
  /** Ends everything that was started here; what is external stays. Safe to repeat. */
  stop(): Promise<void>;
};

export interface ServicesRequest<Name extends ServiceName> {
  readonly config: Config;
  /** Told one readable line for each service. */
  readonly log: (line: string) => void;
  /** Without it: all of them (Docker only if `RONDO_SANDBOX` is not bubblewrap). */
  readonly only?: readonly Name[];
  /** Docker runtimes that must be registered, for example `['runc', 'runsc']`. */
  readonly runtimes?: readonly string[];
}

/**
 * Starts, side by side, what is not given from outside. Whatever an earlier process left running in the same RONDO_HOME is ended
 * first. If one service cannot be had, the others are stopped again and the reason is thrown.
 */
export async function startServices<const Name extends ServiceName = ServiceName>(request: ServicesRequest<Name>): Promise<Services<Name>> {
  const { config } = request;
  const wanted = new Set<ServiceName>(request.only ?? ['postgres', 'temporal', 'docker']);
  const release = await claimHome(config.paths.home);
  await endLeftovers(config.paths.home);
  const starters = {
    postgres: startPostgres,
    temporal: startTemporal,
    docker: (context: ServiceContext) => dockerAsConfigured(context, request.runtimes),
  } satisfies Record<ServiceName, (context: ServiceContext) => Promise<RunningService<unknown> | undefined>>;

  const running = new Map<ServiceName, RunningService<unknown>>();
  const outcomes = await Promise.allSettled(
    [...wanted].map(async (name) => {
      const service = await starters[name](request);
      if (service) running.set(name, service);
    }),
  );
  const stop = async (): Promise<void> => {
    // Sandboxes first, then Temporal, Postgres last: nothing writes to a store that is gone.
    for (const name of ['docker', 'temporal', 'postgres'] as const) {
      await running.get(name)?.stop();
      running.delete(name);
    }
    release();
  };
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure) {
    await stop();
    throw failure.reason;
  }

  const embedded = (name: ServiceName): RunningService<unknown> => {
    const service = running.get(name);
    if (!service) throw new Error(`The service ${name} was not started here.`);
    return service;
  };
  const control = {
    kill: (name: ServiceName) => embedded(name).kill(),
    start: (name: ServiceName) => embedded(name).start(),
    restart: async (name: ServiceName) => {
      await embedded(name).kill();
      await embedded(name).start();
    },
    stop,
  };
  for (const name of wanted) {
    Object.defineProperty(control, name, { enumerable: true, get: () => running.get(name)?.info });
  }
  // The getters above carry exactly the names in `wanted`, which is what the type says.
  return control as unknown as Services<Name>;
}

/** Ends programs whose parent was killed. The services look after their own leftovers. */
async function endLeftovers(home: string): Promise<void> {
  const programs = recordNames(home).filter((name) => !NOT_PROGRAMS.has(name));
  await Promise.all(programs.map((name) => endRecorded(home, name, 'SIGTERM', LEFTOVER_GRACE_MS)));
}

/** Docker is one of two engines: where the settings leave the choice, its absence is only a line in the log. */
async function dockerAsConfigured(context: ServiceContext, runtimes?: readonly string[]): Promise<RunningService<DockerInfo> | undefined> {
  const { engine, runtime } = context.config.sandbox;
  if (engine === 'bubblewrap' && !runtimes) return undefined;
  const needed = runtimes ?? (runtime === 'auto' ? [] : [runtime]);
  try {
    return await startDocker(context, needed);
  } catch (error) {
    if (engine === 'docker' || runtimes) throw error;
    context.log(`Docker: none (${error instanceof Error ? error.message : String(error)})`);
    return undefined;
  }
}
