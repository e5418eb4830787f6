import { isDeepStrictEqual, stripVTControlCharacters } from 'node:util';
import { type SandboxOutcome, textOutcome } from '../../activities/sandbox/supervisor-protocol.js';
import { DEFAULT_TOOL_TIMEOUT_MS, type ToolInput } from '../../activities/sandbox/tool-inputs.js';
import type { CallOutput } from './call-output.js';
import { describeLimits, readLimitCounts } from './limits.js';
import { createOutputPipes } from './output-pipes.js';
import { killMarked } from './process-tree.js';
import { type BackgroundJobs, type CommandEnd, type CommandRun, type Shell, startShell } from './shell.js';
import { limitReached, stopStatus, type Tool, type ToolContext } from './tool.js';

const FRESH = 'Working directory, variables and functions of the old shell are gone; files are kept.';

const KILLED_ALL = 'The command and everything else running in this shell was killed.';
const KILLED_COMMAND = 'The command and everything it started was killed; jobs that earlier commands left in the background go on.';

export interface BashOptions {
  readonly workspace: string;
  readonly scratch: string;
  /** What a new shell has in its environment beside that of the sandbox. */
  readonly environment: () => Readonly<Record<string, string>>;
  /** An earlier supervisor of this sandbox had a shell that the model does not know to be gone. */
  readonly shellWasLost: boolean;
}

export interface Bash {
  readonly tool: Tool<ToolInput<'bash'>>;
  /** Starts the shell that the first call will find, with what its environment is now; starting one takes longer than most commands. */
  readonly startAhead: () => void;
  /** Kills the shell and everything that shells have started, also what runs in the background; the next call says why. */
  readonly endAll: (reason: string) => void;
}

/** The `bash` tool: one shell for all calls, one call at a time. */
export function createBash(options: BashOptions): Bash {
  const pipes = createOutputPipes(options.scratch);
  let shell: Shell | undefined;
  /** A shell in which nothing has run. */
  let ahead: { readonly shell: Shell; readonly environment: Readonly<Record<string, string>> } | undefined;
  let notice = options.shellWasLost ? `[This is a new shell: the old one ended unexpectedly. ${FRESH}]\n` : '';
  let busy = false;
  let last: Promise<unknown> = Promise.resolve();

  const start = (environment: Readonly<Record<string, string>>): Shell => startShell({ cwd: options.workspace, scratch: options.scratch, pipes, environment });
  /** The one that was started ahead, if it is what a new one would be, or can be made so. */
  const newShell = (): Shell => {
    const environment = options.environment();
    const prepared = ahead;
    ahead = undefined;
    if (prepared?.shell.alive) {
      const isBlank = Object.keys(prepared.environment).length === 0;
      if (isDeepStrictEqual(prepared.environment, environment) || (isBlank && prepared.shell.define(environment))) return prepared.shell;
    }
    void prepared?.shell.kill();
    return start(environment);
  };

  const run = async (input: ToolInput<'bash'>, context: ToolContext): Promise<SandboxOutcome> => {
    if (context.signal.aborted) return neverRun(context.signal);
    if (input.restart === true) {
      await shell?.kill();
      // What earlier shells have left behind, too.
      killMarked();
      shell = undefined;
      ahead = undefined;
      notice = '';
    }
    if (input.command === undefined || input.command.trim() === '') {
      return textOutcome('completed', 'The shell was restarted.', false);
    }
    if (shell !== undefined && !shell.alive) {
      shell = undefined;
      notice ||= `[The old shell has ended since the last call. ${FRESH}]\n`;
    }
    const limitMs = Math.min(input.timeout_ms ?? DEFAULT_TOOL_TIMEOUT_MS, context.timeoutMs);
    const current = shell ?? newShell();
    shell = current;
    context.startClock(limitMs);
    // A time-out is the command's own: a server that an earlier one has started goes on.
    const kill = () => (stopStatus(context.signal) === 'timed_out' ? current.killCommand() : current.kill());
    const stop = () => void kill();
    context.signal.addEventListener('abort', stop, { once: true });
    const before = readLimitCounts();
    let ran: CommandRun;
    busy = true;
    try {
      ran = await current.run(input.command, (bytes) => context.output.write(bytes));
    } finally {
      busy = false;
      context.signal.removeEventListener('abort', stop);
    }
    const { end, background } = ran;
    const printed = stripVTControlCharacters(context.output.text()).replace(/\n+$/, '');
    const limits = describeLimits(before, readLimitCounts(), { exitCode: end.exitCode, printed });
    // A command that is stopped takes what it has started with it.
    const jobs = background && !context.signal.aborted ? tellBackground(background, context.output) : undefined;
    const notes = [...limits.map((limit) => `[${limit}]`), ...(jobs === undefined ? [] : [jobs])];
    const outcome = describe(end, context.signal, limitMs, [`${notice}${printed}`, ...notes].filter(Boolean).join('\n'));
    notice = '';
    if (context.signal.aborted) await kill();
    if (context.signal.aborted || end.type === 'died') shell = undefined;
    return outcome;
  };

  return {
    tool(input, context) {
      const turn = last.then(() => run(input, context));
      last = turn.catch(() => {});
      return turn;
    },
    startAhead() {
      if (shell !== undefined) return;
      const prepared = newShell();
      ahead = { shell: prepared, environment: options.environment() };
    },
    endAll(reason) {
      killMarked();
      ahead = undefined;
      // A running call says it itself.
      if (busy) return;
      // Not heard to be dead yet: a call that comes at once must not be given to it.
      shell = undefined;
      notice = `[${reason} Everything that ran in the background was killed. This is a new shell. ${FRESH}]\n`;
    },
  };
}

/** Of a call that waited for another one when everything was stopped. */
function neverRun(signal: AbortSignal): SandboxOutcome {
  const limit = limitReached(signal);
  return textOutcome(stopStatus(signal), `Stopped before it was started; nothing was run.${limit === undefined ? '' : ` ${limit}`}`);
}

/** What is still running and where it prints to, as a line for the model. */
function tellBackground({ names, ended }: BackgroundJobs, output: CallOutput): string {
  const { note, end } = output.goOn();
  void ended.then(end);
  return `[Still running in the background${names.length === 0 ? '' : `: ${names.join(', ')}`}. What is printed from now on goes to ${note}.]`;
}

function describe(end: CommandEnd, signal: AbortSignal, limitMs: number, printed: string): SandboxOutcome {
  const body = printed === '' ? '' : `${printed}\n`;
  if (signal.aborted) {
    const status = stopStatus(signal);
    const why = {
      timed_out: `its time limit of ${limitMs} ms was reached.`,
      interrupted: 'it was interrupted.',
      completed: limitReached(signal) ?? 'a limit was reached.',
    };
    return textOutcome(
      status,
      `${body}[Stopped: ${why[status]} ${status === 'timed_out' ? KILLED_COMMAND : KILLED_ALL} The next command gets a new shell. ${FRESH}]`,
    );
  }
  if (end.type === 'done') {
    if (end.exitCode === 0) return textOutcome('completed', printed === '' ? '(no output)' : printed, false);
    return textOutcome('completed', `${body}[exit code ${end.exitCode}]`);
  }
  const how = end.exitCode === undefined ? `was ended by ${end.signal ?? 'a signal'}` : `ended with exit code ${end.exitCode}`;
  return textOutcome('completed', `${body}[The shell itself ${how}. The next command gets a new one. ${FRESH}]`, end.exitCode !== 0);
}
