import type { ScriptInput } from '../apps/rehearsal/script.js';

/** The one script of the bench; the first words of the input choose what it plays. */
export const SCRIPT = 'bench';
export const MODEL = `rehearsal/${SCRIPT}`;

type Tool = 'bash' | 'read';

/** Steps with tool calls that the script knows, each followed by a closing text. */
const LENGTHS = [1, 5, 10, 15, 50] as const;
type Length = (typeof LENGTHS)[number];

/** Input for a turn of so many steps with a tool, and a last one without. */
export const stepsOf = (tool: Tool, length: Length, callsEach: 1 | 3 = 1): string => `${tool} ${length} ${callsEach}`;

/** Input for a turn without tools. */
export const SAY = 'say';
/** Input for an answer that streams for `SPEAK_MS`. */
export const SPEAK = 'speak';
/** Input for a command that tells when it runs (`STARTED_FILE`) and would run for a minute. */
export const HANG = 'hang';
/** Input for a command that tells when it runs and ends after a second. */
export const LINGER = 'linger';

export const STARTED_FILE = 'started';
const WORDS = 60;
const CHUNK_MS = 50;
export const SPEAK_MS = WORDS * CHUNK_MS;

/** Inputs differ from call to call, because the loop ends a turn that repeats itself. */
const callOf = (tool: Tool, number: number) =>
  tool === 'bash' ? { name: 'bash', input: { command: `true ${number}` } } : { name: 'read', input: { file_path: '/etc/passwd', view_range: [1, number + 1] } };

const commandThenText = (command: string) => [{ tool_calls: [{ name: 'bash', input: { command } }] }, { text: 'done' }];

export const benchScript: ScriptInput = {
  description: 'What npm run bench plays.',
  rules: [
    ...(['bash', 'read'] as const).flatMap((tool) =>
      LENGTHS.flatMap((length) =>
        ([1, 3] as const).map((callsEach) => ({
          match: `^${stepsOf(tool, length, callsEach)}\\b`,
          replies: [
            ...Array.from({ length }, (_, step) => ({
              tool_calls: Array.from({ length: callsEach }, (__, call) => callOf(tool, step * callsEach + call)),
            })),
            { text: 'done' },
          ],
        })),
      ),
    ),
    { match: `^${SAY}\\b`, replies: [{ text: 'done' }] },
    { match: `^${SPEAK}\\b`, replies: [{ text: Array.from({ length: WORDS }, (_, word) => `word${word}`).join(' '), chunk_ms: CHUNK_MS }] },
    { match: `^${HANG}\\b`, replies: commandThenText(`touch /workspace/${STARTED_FILE}; sleep 60`) },
    { match: `^${LINGER}\\b`, replies: commandThenText(`touch /workspace/${STARTED_FILE}; sleep 1`) },
  ],
};
