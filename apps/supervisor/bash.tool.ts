import { stripVTControlCharacters } from 'node:util';
import { type SandboxOutcome, textOutcome } from '../../activities/sandbox/supervisor-protocol.js';
import { DEFAULT_TOOL_TIMEOUT_MS, type ToolInput } from '../../activities/sandbox/tool-inputs.js';
import { type CommandEnd, type Shell, startShell } from './shell.js';
import { stopReason, type Tool, type ToolContext } from './tool.js';

const FRESH = 'Working directory, variables and functions of the old shell are gone; files are kept.';

export interface BashOptions {
  readonly workspace: string;
  readonly scratch: string;
  /** An earlier supervisor of this sandbox had a shell that the model does not know to be gone. */
  readonly shellWasLost: boolean;
}

/** The `bash` tool: one shell for all calls, one call at a time. */
export function createBashTool(options: BashOptions): Tool<ToolInput<'bash'>> {
  let shell: Shell | undefined;
  let notice = options.shellWasLost ? `[This is a new shell: the old one ended unexpectedly. ${FRESH}]\n` : '';
  let last: Promise<unknown> = Promise.resolve();

  const run = async (input: ToolInput<'bash'>, context: ToolContext): Promise<SandboxOutcome> => {
    if (context.signal.aborted) return textOutcome('interrupted', 'Stopped before it was started; nothing was run.');
    if (input.restart === true) {
      await shell?.kill();
      shell = undefined;
      notice = '';
    }
    if (input.command === undefined || input.command.trim() === '') {
      return textOutcome('completed', 'The shell was restarted.', false);
    }
    if (shell !== undefined && !shell.alive) {
      shell = undefined;
      notice = `[The old shell has ended since the last call. ${FRESH}]\n`;
    }
    const limitMs = Math.min(input.timeout_ms ?? DEFAULT_TOOL_TIMEOUT_MS, context.timeoutMs);
    const current = shell ?? startShell({ cwd: options.workspace, scratch: options.scratch });
    shell = current;
    context.startClock(limitMs);
    const stop = () => void current.kill();
    context.signal.addEventListener('abort', stop, { once: true });
    let end: CommandEnd;
    try {
      end = await current.run(input.command, (text) => context.output.write(text));
    } finally {
      context.signal.removeEventListener('abort', stop);
    }
    const printed = stripVTControlCharacters(context.output.text()).replace(/\n+$/, '');
    const outcome = describe(end, context.signal, limitMs, `${notice}${printed}`);
    notice = '';
    if (context.signal.aborted) await current.kill();
    if (context.signal.aborted || end.type === 'died') shell = undefined;
    return outcome;
  };

  return (input, context) => {
    const turn = last.then(() => run(input, context));
    last = turn.catch(() => {});
    return turn;
  };
}

function describe(end: CommandEnd, signal: AbortSignal, limitMs: number, printed: string): SandboxOutcome {
  const body = printed === '' ? '' : `${printed}\n`;
  if (signal.aborted) {
    const why = stopReason(signal) === 'timed_out' ? `its time limit of ${limitMs} ms was reached` : 'it was interrupted';
    return textOutcome(
      stopReason(signal),
      `${body}[Stopped: ${why}. The command and everything else running in this shell was killed. The next command gets a new shell. ${FRESH}]`,
    );
  }
  if (end.type === 'done') {
    if (end.exitCode === 0) return textOutcome('completed', printed === '' ? '(no output)' : printed, false);
    return textOutcome('completed', `${body}[exit code ${end.exitCode}]`);
  }
  const how = end.exitCode === undefined ? `was ended by ${end.signal ?? 'a signal'}` : `ended with exit code ${end.exitCode}`;
  return textOutcome('completed', `${body}[The shell itself ${how}. The next command gets a new one. ${FRESH}]`, end.exitCode !== 0);
}
