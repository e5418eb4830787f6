import { loadConfigOrExit } from '../../infra/config/config.js';
import { examine } from '../../infra/dev/examine.js';
import { say } from './say.js';

const MARKS = { found: '✓', embedded: '✓', missing: '✗', absent: '·', place: '·' } as const;

/** `rondo doctor`: one line for each part, and below what is missing the line that fixes it. Code 1 if something needed is missing. */
export async function doctor(): Promise<void> {
  const findings = await examine(loadConfigOrExit());
  for (const { state, part, what, fix } of findings) {
    say(`  ${MARKS[state]} ${part.padEnd(14)} ${state.padEnd(9)} ${what}`);
    if (fix) say(`    ${' '.repeat(24)} → ${fix}`);
  }
  const missing = findings.filter(({ state }) => state === 'missing');
  say(missing.length === 0 ? '\nAll that Rondo needs is there: npm start' : `\n${missing.length} missing.`);
  process.exitCode = missing.length === 0 ? 0 : 1;
}
