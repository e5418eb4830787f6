import type { Config } from '../config/config.js';

/** A running service: embedded here, or somebody else's that we only use. */
export interface RunningService<Info> {
  readonly info: Info;
  /** Ends it if it is ours; what is external stays. */
  stop(): Promise<void>;
  /** SIGKILL, as in an accident; resolves when the process is gone. Fails for what is external. */
  kill(): Promise<void>;
  /** Starts it again where it was: same ports, same data. Resolves when it answers. */
  start(): Promise<void>;
}

export interface ServiceContext {
  readonly config: Config;
  /** One line for a person. */
  readonly log: (line: string) => void;
}

/** For services that are not ours: `kill` and `start` refuse. */
export function external<Info>(name: string, info: Info): RunningService<Info> {
  const refuse = () => Promise.reject(new Error(`${name} is not embedded here, so it cannot be killed or started.`));
  return { info, stop: () => Promise.resolve(), kill: refuse, start: refuse };
}
