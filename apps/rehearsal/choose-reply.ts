import type { Position } from './conversation.js';
import { NOT_A_LANGUAGE_MODEL } from './not-a-language-model.js';
import type { Script, ScriptedReply } from './script.js';
import { fillIn } from './template.js';

/** The reply that a script has for a position, its templates filled in. */
export function chooseReply(name: string, script: Script, position: Position): ScriptedReply {
  const { turns, groups } = turnsFor(script, position.input);
  const turn = turns[script.after_last === 'loop' && turns.length > 0 ? (position.step - 1) % turns.length : position.step - 1];
  if (turn === undefined) return { text: closing(name, turns.length, position.step) };
  const variants = Array.isArray(turn) ? turn : [turn];
  const reply = variants.find(({ when }) => holds(when, position));
  if (reply === undefined) return { text: `The script ${name} has no variant of reply ${position.step} for this tool result. ${NOT_A_LANGUAGE_MODEL}` };
  const values = { input: position.input, last_result: position.lastResult?.text ?? '', step: String(position.step), ...groups };
  return {
    ...reply,
    ...(reply.text === undefined ? {} : { text: fillIn(reply.text, values) }),
    ...(reply.thinking === undefined ? {} : { thinking: fillIn(reply.thinking, values) }),
    ...(reply.tool_calls === undefined ? {} : { tool_calls: fillIn(reply.tool_calls, values) }),
  };
}

function closing(name: string, replies: number, step: number): string {
  return `The script ${name} has ${replies} replies for this input and nothing for request ${step}. ${NOT_A_LANGUAGE_MODEL}`;
}

/** The replies of the first rule that matches, with what its groups caught as `{{1}}`, `{{2}}`, …; else the script's own. */
function turnsFor(script: Script, input: string) {
  for (const { match, replies } of script.rules ?? []) {
    const found = new RegExp(match, 's').exec(input);
    if (found) return { turns: replies, groups: Object.fromEntries(found.map((group, index) => [String(index), group ?? ''])) };
  }
  return { turns: script.replies ?? [], groups: {} };
}

function holds(when: ScriptedReply['when'], { lastResult }: Position): boolean {
  if (when?.last_result_contains !== undefined && !lastResult?.text.includes(when.last_result_contains)) return false;
  return when?.last_result_is_error === undefined || when.last_result_is_error === (lastResult?.isError ?? false);
}
