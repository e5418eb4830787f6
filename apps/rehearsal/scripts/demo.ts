import { NOT_A_LANGUAGE_MODEL } from '../not-a-language-model.js';
import type { ScriptInput } from '../script.js';

const FILE = '/workspace/primes.py';

const BROKEN_LINE = 'print("mean: " + sum(numbers) / len(numbers))';
const FIXED_LINE = 'print(f"mean: {sum(numbers) / len(numbers)}")';

const PROGRAM = `"""Prints the first ten prime numbers and their mean."""


def primes(count):
    found = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


numbers = primes(10)
print("primes:", numbers)
${BROKEN_LINE}
`;

const run = { name: 'bash', input: { command: `python3 ${FILE}` } };

const stopped = `That did not go as planned; the last tool result was:\n\n{{last_result}}\n\n${NOT_A_LANGUAGE_MODEL}`;

/** A task with a mistake in it, so that write, bash, edit and bash again are all seen at work on a real sandbox. */
export const demo: ScriptInput = {
  description: 'Writes a small Python program with a mistake, runs it, fixes it, runs it again and reports.',
  replies: [
    { text: 'I will write the program first.', tool_calls: [{ name: 'write', input: { file_path: FILE, content: PROGRAM } }], chunk_ms: 5 },
    [
      { when: { last_result_is_error: true }, text: stopped },
      { text: 'Now I run it.', tool_calls: [run], chunk_ms: 5 },
    ],
    [
      {
        when: { last_result_contains: 'TypeError' },
        text: 'It fails: a number is added to a text in the last line. I fix that line.',
        tool_calls: [{ name: 'edit', input: { file_path: FILE, old_string: BROKEN_LINE, new_string: FIXED_LINE } }],
        chunk_ms: 5,
      },
      { text: stopped },
    ],
    [
      { when: { last_result_is_error: true }, text: stopped },
      { text: 'Once more.', tool_calls: [run], chunk_ms: 5 },
    ],
    [
      {
        when: { last_result_contains: 'mean: 12.9' },
        text: `Done. ${FILE} prints the first ten primes and their mean:\n\n{{last_result}}\n\nIts first version failed with a TypeError, which I fixed. ${NOT_A_LANGUAGE_MODEL}`,
        chunk_ms: 5,
      },
      { text: stopped },
    ],
  ],
};
