import { FAMILIES } from './families.js';
import type { MethodPath } from './methods.js';
import type { Outcome, Verdict } from './outcome.js';

export type Outcomes = ReadonlyMap<MethodPath, Outcome>;

const RANK: Readonly<Record<Verdict, number>> = { 'not yet': 0, partly: 1, works: 2 };
const VERDICTS: readonly Verdict[] = ['works', 'partly', 'not yet'];

/** The families that a session needs for its whole life; the others come on top. */
const CORE: readonly string[] = ['agents', 'environments', 'sessions', 'vaults', 'files', 'skills'];

const familyOf = (method: MethodPath): string => method.split('.')[0] ?? '';

/** The report as Markdown. The same outcomes give the same text. */
export function toMarkdown(outcomes: Outcomes, administration: number, sdkVersion: string): string {
  const works = (methods: readonly [MethodPath, Outcome][]) => methods.filter(([, { verdict }]) => verdict === 'works').length;
  const all = [...outcomes];
  const core = all.filter(([method]) => CORE.includes(familyOf(method)));
  const families = FAMILIES.map((family) => ({ family, methods: all.filter(([method]) => familyOf(method) === family) }));
  return `${[
    '# What of the Managed Agents wire works',
    '',
    '<!-- Written by `npm run conformance`. Do not edit: the tests compare it with what they see. -->',
    '',
    `Every method of \`client.beta\` in \`@anthropic-ai/sdk\` ${sdkVersion}, called by the unmodified SDK against a running Rondo whose model`,
    'plays scripts. The methods are found by looking into the SDK, the verdicts by running `test/conformance`:',
    '',
    '* **works**: everything the entry checks holds.',
    '* **partly**: what is named does not hold yet.',
    '* **not yet**: answers 501 in the error envelope of the wire, with a message that says so.',
    '',
    `**${works(all)} of ${all.length} methods work.** Of agents, environments, sessions, vaults, files and skills: ${works(core)} of ${core.length}.`,
    '',
    '| family | methods | works | partly | not yet |',
    '|---|---|---|---|---|',
    ...families.map(({ family, methods }) => `| ${family} | ${methods.length} | ${VERDICTS.map((verdict) => count(methods, verdict)).join(' | ')} |`),
    '',
    `\`client.beta.organization\` administers an account of the hosted product. All of its ${administration} methods are called too: not yet.`,
    '`client.beta.messages` and `client.beta.models` are the model API, which Rondo calls and does not offer.',
    ...families.flatMap(({ family, methods }) => ['', `## ${family}`, '', '| method | verdict | checked |', '|---|---|---|', ...methods.map(row)]),
  ].join('\n')}\n`;
}

const count = (methods: readonly [MethodPath, Outcome][], wanted: Verdict): number => methods.filter(([, { verdict }]) => verdict === wanted).length;

function row([method, { verdict, checked, missing }]: [MethodPath, Outcome]): string {
  const sentences = checked.map((sentence) => (missing.includes(sentence) ? `**missing: ${sentence}**` : sentence));
  return `| \`${method}\` | ${verdict} | ${sentences.join('; ')} |`;
}

/** The verdicts of a written report. */
export function readVerdicts(markdown: string): ReadonlyMap<MethodPath, Verdict> {
  const rows = markdown.matchAll(/^\| `([\w.]+)` \| (works|partly|not yet) \|/gm);
  return new Map([...rows].map(([, method = '', verdict]) => [method, verdict as Verdict]));
}

/** Whether a verdict is less than the one that was written down; a method that was not has nothing to lose. */
export const isWorse = (now: Verdict, before: Verdict | undefined): boolean => before !== undefined && RANK[now] < RANK[before];
