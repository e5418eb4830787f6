import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';
import { VERSION } from '@anthropic-ai/sdk/version';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entriesFor } from './entries/index.js';
import { callAnyhow } from './entries/not-built.js';
import { ADMINISTRATION, FAMILIES, MODEL_API } from './families.js';
import { familiesOf, type MethodPath, methodsOfFamily } from './methods.js';
import { type Outcome, observe, saysNotBuilt } from './outcome.js';
import { isWorse, readVerdicts, toMarkdown } from './report.js';
import { startWorld, type World } from './world.js';

const REPORT = 'docs/conformance.md';
/** `npm run conformance` writes the report; everyone else compares. */
const writes = process.env['RONDO_CONFORMANCE'] === 'write';

const looksOnly = new Anthropic({ apiKey: 'none', baseURL: 'http://127.0.0.1:9' });
const methods = FAMILIES.flatMap((family) => methodsOfFamily(looksOnly, family));
const administration = methodsOfFamily(looksOnly, ADMINISTRATION);
const entries = entriesFor(looksOnly);
const written = existsSync(REPORT) ? readFileSync(REPORT, 'utf8') : '';
const before = readVerdicts(written);
const outcomes = new Map<MethodPath, Outcome>();

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.stop());

describe('the SDK', () => {
  it('has no family that nobody looked at', () => {
    expect(familiesOf(looksOnly).toSorted()).toEqual([...FAMILIES, ADMINISTRATION, ...MODEL_API].toSorted());
  });

  it('has an entry here for every method, and no entry is for nothing', () => {
    expect(Object.keys(entries).toSorted()).toEqual(methods.toSorted());
  });
});

/** A method that hangs in every check still gets its verdict. */
const METHOD_LIMIT_MS = 600_000;

describe('the unmodified SDK against a running Rondo', { timeout: METHOD_LIMIT_MS }, () => {
  it.each(methods)('%s does no less than docs/conformance.md says', async (method) => {
    const { outcome, reasons } = await observe(entries[method] ?? {}, world);
    expect(world.called.has(method), 'the entry called its method').toBe(true);
    outcomes.set(method, outcome);
    if (outcome.verdict === 'partly') console.warn(`${method} is missing something:\n${reasons.join('\n')}`);
    const was = before.get(method);
    if (isWorse(outcome.verdict, was)) throw new Error(`It was "${was}" and is "${outcome.verdict}":\n${reasons.join('\n')}`);
  });

  it(`client.beta.${ADMINISTRATION} says that it is not built, whatever is called`, async () => {
    const silent: string[] = [];
    for (const method of administration) {
      const error = await callAnyhow(world.client, method).then(
        () => 'it answered',
        (reason: unknown) => reason,
      );
      if (!saysNotBuilt(error)) silent.push(`${method}: ${String(error)}`);
    }
    expect(silent).toEqual([]);
  });
});

describe('docs/conformance.md', () => {
  it('says what this run found', () => {
    expect([...outcomes.keys()], 'methods with a verdict').toEqual(methods);
    const found = toMarkdown(outcomes, administration.length, VERSION);
    if (writes) {
      const worse = [...outcomes].filter(([method, { verdict }]) => isWorse(verdict, before.get(method))).map(([method]) => method);
      expect(worse, 'methods that got worse; repair them, or take their rows out of the report by hand').toEqual([]);
      writeFileSync(REPORT, found);
    } else expect(written, 'is stale: run `npm run conformance` and commit what it writes').toBe(found);
  });
});
