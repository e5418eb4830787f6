import type { Effect, Outcome, SessionState } from './turn.js';

const LINES_KEPT = 20;
const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',');

/** One readable line for what an effect came to, or none when it says nothing to an operator. */
export function describe(effect: Effect, outcome: Outcome): string | undefined {
  switch (outcome.type) {
    case 'model': {
      const { result } = outcome;
      if (result.kind === 'replied') return `model · step ${result.progress.steps} · ${grouped(result.inputTokens)} in / ${grouped(result.outputTokens)} out`;
      return result.kind === 'failed' ? `model · failed: ${result.cause}` : undefined;
    }
    case 'tools':
      return outcome.results
        .map(
          ({ callId, result }) =>
            `${nameOf(effect, callId)} · ${result.kind === 'done' ? (result.isError ? `${result.outcome}, error` : result.outcome) : result.kind}`,
        )
        .join('\n');
    case 'settled':
      return outcome.result.kind === 'settled'
        ? outcome.result.rejected.map(({ toolUseId, reason }) => `approval.rejected · ${toolUseId} · ${reason}`).join('\n') || undefined
        : undefined;
    case 'sealed':
      return effect.type === 'seal' && effect.cause ? `turn ended · ${effect.cause}` : undefined;
    case 'cut':
      return outcome.cause ? `cut · ${outcome.cause}` : 'cut · interrupt';
    case 'outputs_collected':
      return undefined;
    case 'sandbox_released':
      return 'sandbox · released';
  }
}

function nameOf(effect: Effect, callId: string): string {
  if (effect.type !== 'run_tools') return 'tool';
  const call = [...effect.serial, ...effect.parallel].find(({ id }) => id === callId);
  return call ? `${call.name} · call ${call.ordinal}` : 'tool';
}

/** What an operator sees as the workflow's current details: Markdown, ids and counts only. */
export function currentDetails(state: SessionState, phase: string, lines: readonly string[]): string {
  const waiting = state.calls.filter((call) => call.gate !== 'run');
  const rows = waiting.map(
    (call) => `| ${call.name} · call ${call.ordinal} | \`${call.id}\` | ${call.gate === 'ask' ? 'a decision' : "the client's result"} |`,
  );
  return [
    `**${phase}**${state.progress ? ` · turn ${state.progress.turn}, ${state.progress.steps} steps, ${grouped(state.progress.tokens)} tokens` : ''}`,
    ...(rows.length > 0
      ? [
          '',
          '| waiting | tool_use_id | for |',
          '|---|---|---|',
          ...rows,
          '',
          'Send signal `approve` with `{"tool_use_id":"sevt_…","result":"allow"}` (or `"deny"`, `"by":"your name"`).',
        ]
      : []),
    ...(lines.length > 0 ? ['', ...lines.slice(-LINES_KEPT).map((line) => `- ${line}`)] : []),
  ].join('\n');
}

export const keepLines = (lines: readonly string[], line: string | undefined): string[] =>
  [...lines, ...(line ? line.split('\n').filter(Boolean) : [])].slice(-LINES_KEPT);
