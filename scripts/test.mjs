import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endHomesBelow } from '../dist/infra/dev/end-home.js';
import { bootId, processStart } from './setup/process-identity.mjs';

/**
 * Runs the tests and prints, as the very last line, how many passed and failed: the line that CI reads. Words after `--` go to
 * vitest. A test that was skipped in a run of everything counts as failed: a missing part is a failure.
 *
 * Everything the tests make for a while lies in one folder, so that whatever a run leaves behind, however it ended, is found: at
 * its end, or, after a `kill -9`, by the next run.
 */
const PREFIX = 'rt-';
const words = process.argv.slice(2);
const identity = `${bootId()} ${process.pid} ${processStart(process.pid)}`;

for (const folder of abandonedFolders()) await clearAway(folder);
const folder = mkdtempSync(join(tmpdir(), PREFIX));
// Users that tests drop to must get through to what is theirs.
chmodSync(folder, 0o711);
writeFileSync(join(folder, 'owner'), identity);
const report = join(folder, 'report.json');

const vitest = spawn('node_modules/.bin/vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...words], {
  stdio: 'inherit',
  env: { ...process.env, TMPDIR: folder },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => vitest.kill(signal));

const [code, signal] = await once(vitest, 'close');
const { passed, failed, skipped } = count();
await clearAway(folder);
const missing = words.length === 0 ? skipped : 0;
if (missing > 0) console.log(`${missing} tests were skipped, which counts as failed.`);
const wentWrong = code !== 0 || signal !== null || missing > 0 || passed === 0;
console.log(`${passed} passed, ${Math.max(failed + missing, wentWrong ? 1 : 0)} failed`);
process.exitCode = wentWrong ? code || 1 : 0;

/** A file that could not even be loaded has no tests that failed, but it is a failure. */
function count() {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const unloaded = testResults.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0).length;
    return { passed: numPassedTests, failed: numFailedTests + unloaded, skipped: numPendingTests + numTodoTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** Folders of runs that were killed: their process is gone, or its pid is another's by now. */
function abandonedFolders() {
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => join(tmpdir(), name))
    .filter((path) => {
      const [boot, pid, start] = ownerOf(path).split(' ');
      return pid !== undefined && !(boot === bootId() && processStart(Number(pid)) === start);
    });
}

function ownerOf(path) {
  try {
    return readFileSync(join(path, 'owner'), 'utf8');
  } catch {
    return '';
  }
}

async function clearAway(path) {
  await endHomesBelow(path);
  rmSync(path, { recursive: true, force: true, maxRetries: 10 });
}
