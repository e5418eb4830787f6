/** Lines a person can follow: what is being done, how long it took, what it is doing meanwhile. */

const TICK_MS = 10_000;

/** @param {number} milliseconds */
export const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;

/** @param {string} line */
export const say = (line) => void process.stdout.write(`${line}\n`);

/**
 * Runs one step and prints its name, the time it took and what came of it. `latest` tells the current line of a slow step.
 * @template T
 * @param {string} name
 * @param {(report: (latest: string) => void) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(name, work) {
  const started = performance.now();
  let latest = '';
  say(`  · ${name} …`);
  const ticker = setInterval(() => {
    say(`    … ${name}, ${seconds(performance.now() - started)}${latest ? `: ${latest.slice(0, 100)}` : ''}`);
  }, TICK_MS);
  try {
    const result = await work((line) => {
      latest = line.trim();
    });
    say(`  ✓ ${name} (${seconds(performance.now() - started)})`);
    return result;
  } finally {
    clearInterval(ticker);
  }
}
