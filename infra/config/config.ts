import type { z } from 'zod';
import { VARIABLES, type Variable } from './variables.js';

type Entry = (typeof VARIABLES)[number];
type GroupOf<At extends string> = At extends `${infer Group}.${string}` ? Group : never;
type ValueOf<One extends Entry> = One extends { readonly preset: string | (() => string) } ? z.output<One['kind']> : z.output<One['kind']> | undefined;

/** All settings of a process, grouped: `config.http.port`, `config.sandbox.engine`, … The table in variables.ts says what each is. */
export type Config = {
  readonly [Group in GroupOf<Entry['at']>]: {
    readonly [One in Entry as One['at'] extends `${Group}.${infer Field}` ? Field : never]: ValueOf<One>;
  };
};

/** Environment variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Every variable that could not be used, in one message. `exitCode` is sysexits' EX_CONFIG. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly exitCode = 78;
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(['The configuration cannot be used:', ...problems.map((problem) => `  ${problem}`)].join('\n'));
    this.problems = problems;
  }
}

/** Reads the settings once, at the start of a process. An empty variable counts as absent. Throws `ConfigError` naming all problems. */
export function loadConfig(environment: Environment = process.env): Config {
  const problems: string[] = [];
  const groups: Record<string, Record<string, unknown>> = {};
  for (const variable of VARIABLES) {
    const [group = '', field = ''] = variable.at.split('.');
    groups[group] ??= {};
    groups[group][field] = readVariable(variable, environment, problems);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return groups as Config;
}

/** `loadConfig` for a process's main file: prints what is wrong and ends with the code 78 instead of throwing. */
export const loadConfigOrExit = (environment: Environment = process.env): Config => orExit(() => loadConfig(environment));

/** What is needed at the start of a program: prints a `ConfigError` and ends with its code instead of throwing it. */
export function orExit<T>(load: () => T): T {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(error.exitCode);
  }
}

function readVariable(variable: Variable, environment: Environment, problems: string[]): unknown {
  const raw = environment[variable.name] || presetOf(variable);
  if (raw === undefined) return undefined;
  const parsed = variable.kind.safeParse(raw);
  if (parsed.success) return parsed.data;
  const accepted = parsed.error.issues[0]?.message ?? 'another value';
  problems.push(`${variable.name} is ${shown(variable, raw)}; accepted is ${accepted}.`);
  return undefined;
}

function presetOf({ preset }: Variable): string | undefined {
  return typeof preset === 'function' ? preset() : preset;
}

/** A connection string or key with a typing error is still a secret, so those are not repeated. */
function shown(variable: Variable, raw: string): string {
  return /KEY$|DATABASE_URL$/.test(variable.name) ? 'not valid' : JSON.stringify(raw);
}
