import { NOT_A_LANGUAGE_MODEL } from '../not-a-language-model.js';
import type { ScriptInput } from '../script.js';

/** A tool of the client, then one of the sandbox: what examples/managed-agent shows with any model. */
export const order: ScriptInput = {
  description: 'Asks the client for an order with `get_order`, writes a reply about it into a file with `write`, and reports.',
  replies: [
    { text: 'I look the order up.', tool_calls: [{ name: 'get_order', input: { order_id: 'A-17' } }] },
    [
      { when: { last_result_is_error: true }, text: `The order could not be found: {{last_result}}\n\n${NOT_A_LANGUAGE_MODEL}` },
      {
        text: 'I write the reply.',
        tool_calls: [{ name: 'write', input: { file_path: '/workspace/reply.md', content: 'Your order: {{last_result}}\n' } }],
      },
    ],
    [
      { when: { last_result_is_error: true }, text: `The reply was not written: {{last_result}}\n\n${NOT_A_LANGUAGE_MODEL}` },
      { text: `The reply is in reply.md.\n\n${NOT_A_LANGUAGE_MODEL}` },
    ],
  ],
};
