import type { Invocation } from './invoke-stream.js';
import { printable } from './printable.js';

/** How a task went, as lines for a person. */
export function summary(
  { status, stop_reason: stopReason, output_text: text, usage, steps, cold_start_ms: coldStart, links }: Invocation,
  succeeded: boolean,
): string[] {
  return [
    '',
    succeeded ? '✓ The task is done.' : `✗ The task was not done; the turn ended as ${status} (${stopReason?.type ?? 'no reason given'}).`,
    '',
    ...printable(text ?? '')
      .split('\n')
      .map((line) => `    ${line}`),
    '',
    `  Usage            ${usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens} tokens in (${usage.cache_read_input_tokens} from the cache), ${usage.output_tokens} out, ${steps} model requests`,
    `  Cold start       ${coldStart ?? '?'} ms from the request to the first model request`,
    `  Session          ${links.session}`,
    `  Trace            ${links.trace}`,
    ...(links.temporal_ui ? [`  In Temporal      ${links.temporal_ui}`] : []),
  ];
}
