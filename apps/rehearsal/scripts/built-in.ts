import { NOT_A_LANGUAGE_MODEL } from '../not-a-language-model.js';
import type { ScriptInput } from '../script.js';
import { demo } from './demo.js';
import { order } from './order.js';

const echo: ScriptInput = {
  description: 'Answers with the text it got.',
  replies: [{ text: `You wrote: {{input}}\n\n${NOT_A_LANGUAGE_MODEL}` }],
};

const byRule: ScriptInput = {
  description: 'Runs a command for "run: <command>", reads a file for "read: <path>", and otherwise explains itself.',
  rules: [
    {
      match: '^\\s*run:\\s*(.+)$',
      replies: [
        { text: 'Running it.', tool_calls: [{ name: 'bash', input: { command: '{{1}}' } }] },
        [
          { when: { last_result_is_error: true }, text: `The command failed:\n\n{{last_result}}\n\n${NOT_A_LANGUAGE_MODEL}` },
          { text: `The command printed:\n\n{{last_result}}\n\n${NOT_A_LANGUAGE_MODEL}` },
        ],
      ],
    },
    {
      match: '^\\s*read:\\s*(\\S+)\\s*$',
      replies: [{ tool_calls: [{ name: 'read', input: { file_path: '{{1}}' } }] }, { text: `{{1}} holds:\n\n{{last_result}}\n\n${NOT_A_LANGUAGE_MODEL}` }],
    },
  ],
  replies: [
    {
      text: `${NOT_A_LANGUAGE_MODEL} Write "run: <command>" to see a command run in the sandbox, or "read: <path>" to see a file. For real work, configure a model: ANTHROPIC_API_KEY, or OPENAI_API_KEY, or OPENAI_BASE_URL.`,
    },
  ],
};

const slow: ScriptInput = {
  description: 'Streams 200 words over about ten seconds.',
  replies: [{ text: Array.from({ length: 200 }, (_, index) => `word-${index + 1}`).join(' '), chunk_ms: 50 }],
};

/** The scripts that every rehearsal server has. */
export const BUILT_IN_SCRIPTS: Readonly<Record<string, ScriptInput>> = { demo, echo, default: byRule, order, slow };
