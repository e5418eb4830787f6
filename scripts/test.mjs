import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs the tests and prints, as the very last line, how many passed and failed: the line that CI reads. Words after `--` go to
 * vitest. A test that was skipped in a run of everything counts as failed: a missing part is a failure.
 */
const words = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'rondo-test-'));
const report = join(folder, 'report.json');

const vitest = spawn('node_modules/.bin/vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...words], {
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => vitest.kill(signal));

vitest.on('close', (code, signal) => {
  const { passed, failed, skipped } = count();
  rmSync(folder, { recursive: true, force: true });
  const missing = words.length === 0 ? skipped : 0;
  if (missing > 0) console.log(`${missing} tests were skipped, which counts as failed.`);
  const wentWrong = code !== 0 || signal !== null || missing > 0 || passed === 0;
  console.log(`${passed} passed, ${Math.max(failed + missing, wentWrong ? 1 : 0)} failed`);
  process.exitCode = wentWrong ? code || 1 : 0;
});

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
