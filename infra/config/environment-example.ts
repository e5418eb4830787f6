import { VARIABLES, type Variable } from './variables.js';

/** The text of `.env.example`: every variable with what it is for; all lines are comments, so that copying it changes nothing. */
export function environmentExample(): string {
  const header = [
    '# Every setting of Rondo, with its default. Copy to .env and take the # off what you change.',
    '# Made from infra/config/variables.ts by `npm run env:example`.',
  ];
  return `${[header.join('\n'), ...VARIABLES.map(entry)].join('\n\n')}\n`;
}

function entry(variable: Variable): string {
  return `# ${variable.about}\n#${variable.name}=${typeof variable.preset === 'string' ? variable.preset : ''}`;
}
