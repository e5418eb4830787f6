import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pythonWith } from '../python/python.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { toToml } from './configuration.js';
import { plant, plantWork } from './seeds.js';

/** The same number gives the same requests. */
const SEED = 4;
const EXAMPLES = 6;
/** An open stream ends when its session does, not when the fuzzer has seen enough. */
const STREAMS = /\/stream$/;
const LIMIT_MS = 600_000;
const CHECKS = ['not_a_server_error', 'response_schema_conformance', 'content_type_conformance', 'status_code_conformance'];

let platform: Platform;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rondo-fuzz-'));
  platform = await startPlatform();
});
afterAll(async () => {
  await platform?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Found {
  readonly code: number;
  readonly output: string;
}

/** Runs the fuzzer over the document of the gateway; answers how it ended and what it said. */
function fuzz(words: readonly string[]): Promise<Found> {
  const { python, environment } = pythonWith('fuzzer');
  const options = { cwd: folder, env: { ...environment, NO_COLOR: '1', COLUMNS: '200' }, maxBuffer: 100_000_000, timeout: LIMIT_MS };
  return new Promise((resolve) => {
    execFile(python, ['-m', 'schemathesis.cli', ...words], options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, output: `${stdout}\n${stderr}` });
    });
  });
}

interface Scenario {
  readonly ScenarioFinished?: { readonly recorder: { readonly label: string; readonly interactions?: Record<string, { response?: { status_code: number } }> } };
}

/** How many operations answered 2xx at least once: a fuzzer that only ever meets 400 and 404 has tested nothing. */
function operationsThatSucceeded(report: string): number {
  const finished = report.split('\n').flatMap((line) => (line === '' ? [] : ((JSON.parse(line) as Scenario).ScenarioFinished?.recorder ?? [])));
  const succeeded = finished.filter(({ interactions = {} }) =>
    Object.values(interactions).some(({ response }) => Math.floor((response?.status_code ?? 0) / 100) === 2),
  );
  return new Set(succeeded.map(({ label }) => label)).size;
}

it(
  'requests made from the OpenAPI document meet no 5xx, and answers are what it says',
  async () => {
    const planted = { lasting: await plant(platform, 'lasting'), expendable: await plant(platform, 'expendable'), work: await plantWork(platform, 'work') };
    writeFileSync(join(folder, 'schemathesis.toml'), toToml(planted));
    const { paths } = (await (await fetch(`${platform.url}/docs-json`)).json()) as { paths: Record<string, Record<string, unknown>> };
    const operations = Object.entries(paths).flatMap(([path, item]) => (STREAMS.test(path) ? [] : Object.keys(item))).length;

    const { code, output } = await fuzz([
      '--config-file=schemathesis.toml',
      'run',
      `--seed=${SEED}`,
      `--max-examples=${EXAMPLES}`,
      '--phases=coverage,fuzzing',
      `--checks=${CHECKS.join(',')}`,
      `--exclude-path-regex=${STREAMS.source}`,
      '--continue-on-failure',
      '--no-shrink',
      '--request-timeout=20',
      '--warnings=off',
      // How fast bodies are made says something of the machine only.
      '--suppress-health-check=too_slow',
      `--report-ndjson-path=${join(folder, 'run.ndjson')}`,
      `--header=Authorization: Bearer ${platform.key}`,
      `${platform.url}/docs-json`,
    ]);

    const [, failures = ''] = output.split(/^=+ FAILURES =+$|^=+ ERRORS =+$/m);
    expect(failures.split(/^=+ SUMMARY =+$/m)[0]).toBe('');
    expect(code, output).toBe(0);
    expect(output).toContain(`Tested: ${operations}`);
    expect(operationsThatSucceeded(readFileSync(join(folder, 'run.ndjson'), 'utf8')), 'operations that were also asked something valid').toBeGreaterThan(
      operations / 2,
    );
  },
  LIMIT_MS + 60_000,
);
