import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type Capability, capabilitiesOf, type Ground, PROMISES, type PromiseName } from '../../activities/sandbox/capabilities.js';

const FILE = 'docs/sandbox.md';
const SECTION = /<!-- promises -->[\s\S]*<!-- \/promises -->/;

const all = { memory: true, cpu: true, processes: true };
const GROUNDS: Readonly<Record<string, Ground>> = {
  'docker with runc': { isolation: 'container', engine: 'docker', asRoot: true, limits: all, filters: true, hostSockets: true },
  'docker with runsc': { isolation: 'gvisor', engine: 'docker', asRoot: true, limits: all, filters: true, hostSockets: true },
  'docker with kata': { isolation: 'microvm', engine: 'docker', asRoot: true, limits: all, filters: true, hostSockets: false },
  bubblewrap: { isolation: 'process', engine: 'bubblewrap', asRoot: true, limits: all, filters: true, hostSockets: true },
  'bubblewrap without root': {
    isolation: 'process',
    engine: 'bubblewrap',
    asRoot: false,
    limits: { memory: false, cpu: false, processes: true },
    filters: true,
    hostSockets: true,
  },
};

/** The table of promises as the documentation shows it, each reason once below it. */
function table(): string {
  const reasons: string[] = [];
  const cell = (capability: Capability): string => {
    if (capability === 'enforced') return 'yes';
    const known = reasons.indexOf(capability.missing);
    return `no (${known >= 0 ? known + 1 : reasons.push(capability.missing)})`;
  };
  const rows = (Object.keys(PROMISES) as PromiseName[]).map(
    (name) =>
      `| ${PROMISES[name]} | ${Object.values(GROUNDS)
        .map((ground) => cell(capabilitiesOf(ground)[name]))
        .join(' | ')} |`,
  );
  const columns = Object.keys(GROUNDS);
  return [
    '<!-- promises -->',
    '',
    `| promise | ${columns.join(' | ')} |`,
    `|---|${columns.map(() => '---|').join('')}`,
    ...rows,
    '',
    ...reasons.map((reason, index) => `${index + 1}. ${reason}`),
    '',
    '<!-- /promises -->',
  ].join('\n');
}

it('the documentation of sandboxes shows the promises as they are (RONDO_DOCS=write writes them)', () => {
  const text = readFileSync(FILE, 'utf8');
  const current = text.replace(SECTION, () => table());
  if (process.env['RONDO_DOCS'] === 'write') writeFileSync(FILE, current);
  else expect(text).toBe(current);
});
