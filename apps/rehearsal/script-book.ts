import { createHash } from 'node:crypto';
import { type Script, ScriptDocument, type ScriptInput, ScriptName } from './script.js';
import { BUILT_IN_SCRIPTS } from './scripts/built-in.js';

/** The scripts of one server, and how often each scripted error was played. */
export function createScriptBook(given: Readonly<Record<string, ScriptInput>>) {
  const scripts = new Map<string, Script>();
  const failures = new Map<string, number>();

  /** Throws a `ZodError` that says what is wrong with the script. */
  const put = (name: string, document: unknown): void => {
    scripts.set(ScriptName.parse(name), ScriptDocument.parse(document));
    forgetFailures(name);
  };

  const forgetFailures = (name?: string): void => {
    for (const key of failures.keys()) if (name === undefined || key.startsWith(`${name}/`)) failures.delete(key);
  };

  for (const [name, script] of Object.entries({ ...BUILT_IN_SCRIPTS, ...given })) put(name, script);

  return {
    put,
    get: (name: string): Script | undefined => scripts.get(name),
    names: (): { name: string; description: string | null }[] => [...scripts].map(([name, { description }]) => ({ name, description: description ?? null })),
    forgetFailures,

    /**
     * Whether an error limited to `times` is still due. The same request of a retry counts on; another conversation,
     * told by its messages, counts anew.
     */
    failsAgain(name: string, messages: unknown, times: number): boolean {
      const key = `${name}/${createHash('sha256').update(JSON.stringify(messages)).digest('hex')}`;
      const played = failures.get(key) ?? 0;
      if (played < times) failures.set(key, played + 1);
      return played < times;
    },
  };
}

export type ScriptBook = ReturnType<typeof createScriptBook>;
