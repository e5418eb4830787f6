/** How strongly a sandbox is cut off from its host, weakest first. */
const LEVELS = ['process', 'container', 'gvisor', 'microvm'] as const;

export type IsolationLevel = (typeof LEVELS)[number];

/** Whether a level is at least as strong as what is demanded; an unknown level is weaker than all. */
export const isolationReaches = (level: string | null, minimum: IsolationLevel): boolean =>
  (LEVELS as readonly (string | null)[]).indexOf(level) >= LEVELS.indexOf(minimum);

/** The level of a Docker runtime, by the name it is registered under. */
export function isolationOf(dockerRuntime: string): IsolationLevel {
  if (dockerRuntime.startsWith('runsc')) return 'gvisor';
  return dockerRuntime.startsWith('kata') ? 'microvm' : 'container';
}

/** What an operator does to reach a level. */
export const howToIsolate = (minimum: IsolationLevel): string => HOW_TO_ISOLATE[minimum];

const HOW_TO_ISOLATE: Readonly<Record<IsolationLevel, string>> = {
  process: 'Any engine will do: npm run setup, then npm run doctor.',
  container: 'Install Docker (https://docs.docker.com/engine/install/), then npm run doctor.',
  gvisor: 'Install gVisor and register it with Docker: RONDO_SANDBOX_RUNTIME=runsc npm run setup, then npm run doctor.',
  microvm: 'Install Kata Containers, register it with Docker under a name that begins with kata, and set RONDO_SANDBOX_RUNTIME to that name.',
};
