import { join } from 'node:path';
import { removeDrafts } from './cached.mjs';
import { provideBuild, provideDependencies } from './checkout.mjs';
import { endChildren } from './command.mjs';
import { provideEveryEngine, provideSomeEngine } from './engines.mjs';
import { releaseLocks, withLock } from './lock.mjs';
import { say, seconds } from './progress.mjs';
import { readSettings } from './settings.mjs';
import { providePythonSets } from './tools/python.mjs';
import { provideS3Server } from './tools/s3-server.mjs';
import { provideTemporal } from './tools/temporal.mjs';

/** @typedef {import('./settings.mjs').Settings} Settings */

/** node_modules, then dist. One set-up at a time in a checkout. @param {Settings} settings */
const checkout = ({ root }) =>
  withLock(join(root, '.rondo', 'setup.lock'), 'another set-up in this checkout', async () => {
    await provideDependencies(root);
    await provideBuild(root);
  });

/** @param {Settings} settings */
async function temporal(settings) {
  if (settings.purpose === 'test' || !settings.environment.TEMPORAL_ADDRESS) await provideTemporal(settings);
}

/** What each purpose needs; the parts run side by side. @type {Record<string, readonly ((settings: Settings) => Promise<void>)[]>} */
const NEEDS = {
  test: [checkout, temporal, provideEveryEngine, providePythonSets, provideS3Server],
  demo: [checkout, temporal, provideSomeEngine],
  start: [checkout, temporal, provideSomeEngine],
  doctor: [checkout],
};

/** @param {NodeJS.Signals} signal */
async function stop(signal) {
  say(`\nSet-up was stopped by ${signal}; the next one goes on from here.`);
  await endChildren();
  removeDrafts();
  releaseLocks();
  process.exit(signal === 'SIGINT' ? 130 : 143);
}

async function main() {
  const started = performance.now();
  const settings = readSettings(process.argv.slice(2));
  say(`Set-up for ${settings.purpose}`);
  const outcomes = await Promise.allSettled((NEEDS[settings.purpose] ?? []).map((part) => part(settings)));
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
  for (const { reason } of failures) say(`\n✗ ${/** @type {Error} */ (reason).message}`);
  if (failures.length > 0) process.exit(1);
  say(`Set-up is complete (${seconds(performance.now() - started)})`);
}

process.once('SIGINT', (signal) => void stop(signal));
process.once('SIGTERM', (signal) => void stop(signal));
try {
  await main();
} catch (error) {
  say(`✗ ${/** @type {Error} */ (error).message}`);
  process.exit(1);
}
