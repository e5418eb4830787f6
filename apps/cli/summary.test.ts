import { expect, it } from 'vitest';
import { summary } from './summary.js';

const invocation = {
  id: 'inv_1',
  session_id: 'sesn_1',
  status: 'completed',
  stop_reason: null,
  usage: { input_tokens: 5, output_tokens: 2, cache_read_input_tokens: 3, cache_creation_input_tokens: 0 },
  steps: 1,
  cold_start_ms: 12,
  links: { session: 'http://a/s', trace: 'http://a/t' },
};

it('the summary of a task tells a terminal nothing, whatever the agent has answered', () => {
  const output_text = 'One.\n\u001b]0;owned\u0007\u001b[2J\u001b]52;c;ZXZpbA==\u0007\u009b31mred\rback\u202eevil';
  const lines = summary({ ...invocation, output_text }, true);
  expect(lines).toContain('    One.');
  expect(lines.join('\n')).toMatch(/red.*evil/);
  expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
});

it('it counts what was read from the cache, and says why a task was not done', () => {
  const lines = summary({ ...invocation, status: 'failed', stop_reason: { type: 'retries_exhausted' }, output_text: null }, false);
  expect(lines.join('\n')).toMatch(/ended as failed \(retries_exhausted\)[\s\S]*8 tokens in \(3 from the cache\), 2 out, 1 model requests/);
});
