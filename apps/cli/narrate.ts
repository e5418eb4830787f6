import { z } from 'zod';
import type { Frame } from './invoke-stream.js';
import { printable } from './printable.js';

const LONGEST_LINE = 150;
const MOST_LINES = 8;

const Text = z.looseObject({ type: z.literal('text'), text: z.string() });
const Content = z.array(z.union([Text, z.looseObject({ type: z.string() })]));
const Message = z.object({ content: Content });
const ToolUse = z.object({ name: z.string(), input: z.record(z.string(), z.unknown()) });
const ToolResult = z.object({ content: Content.optional(), is_error: z.boolean().nullish() });
const ModelEnd = z.object({
  is_error: z.boolean().nullish(),
  model_usage: z.object({
    input_tokens: z.number(),
    output_tokens: z.number(),
    cache_read_input_tokens: z.number().default(0),
    cache_creation_input_tokens: z.number().default(0),
  }),
});
const SessionError = z.object({ error: z.looseObject({ type: z.string(), message: z.string() }) });

/** One event of a session as lines for a person; none for events that only programs need. */
export function narrate(frame: Frame): string[] {
  switch (frame.type) {
    case 'agent.message':
      return block('agent', textOf(Message.parse(frame).content));
    case 'agent.tool_use': {
      const { name, input } = ToolUse.parse(frame);
      return block(name, describeInput(name, input));
    }
    case 'agent.tool_result': {
      const { content = [], is_error } = ToolResult.parse(frame);
      return block(is_error ? 'failed' : 'result', textOf(content) || '(no output)');
    }
    case 'span.model_request_end': {
      const { model_usage: usage, is_error } = ModelEnd.parse(frame);
      return is_error
        ? block('model', 'the request failed')
        : block('model', `${usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens} tokens in, ${usage.output_tokens} out`);
    }
    case 'session.error':
      return block('error', SessionError.parse(frame).error.message);
    case 'session.status_rescheduled':
      return block('retry', 'waiting before the next try');
    default:
      return [];
  }
}

const textOf = (content: z.infer<typeof Content>): string =>
  content.flatMap((part) => ('text' in part && typeof part.text === 'string' ? [part.text] : [])).join('\n');

/** What a call does, in the words of its tool. */
function describeInput(name: string, input: Readonly<Record<string, unknown>>): string {
  const field = (key: string): string => (typeof input[key] === 'string' ? input[key] : '');
  switch (name) {
    case 'bash':
      return field('command') || 'restart';
    case 'write':
      return `${field('file_path')}\n${field('content')}`;
    case 'edit':
      return `${field('file_path')}\n- ${field('old_string')}\n+ ${field('new_string')}`;
    default:
      return (
        Object.values(input)
          .filter((value) => typeof value === 'string')
          .join(' ') || JSON.stringify(input)
      );
  }
}

/** A label in front of the first line, the rest below it; long lines and long texts are cut, and that is said. */
function block(label: string, text: string): string[] {
  const lines = printable(text).trimEnd().split('\n');
  const shown = lines.slice(0, MOST_LINES).map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)} …` : line));
  if (lines.length > MOST_LINES) shown.push(`… ${lines.length - MOST_LINES} more lines`);
  return shown.map((line, index) => `  ${(index === 0 ? label : '').padEnd(7)} ${line}`);
}
