import { Worker } from 'node:worker_threads';
import type { PageText, PageTextJob } from './page-text.worker.js';

/** Characters of HTML that are read; a page's text is in front of that. */
const LONGEST_HTML = 2_000_000;
const TIMEOUT_MS = 5_000;
const MEMORY_MB = 256;

/**
 * The text of an HTML page, links as absolute addresses in brackets behind their words; undefined for a page that cannot be
 * read within time and memory. It is done in a thread of its own: a page may be built to hold up whoever reads it.
 */
export function pageText(html: string, url: URL, timeoutMs = TIMEOUT_MS): Promise<PageText | undefined> {
  const job: PageTextJob = { html: html.slice(0, LONGEST_HTML), url: url.href };
  // The same kind of file as this one: compiled, or as it stands under a test runner.
  const file = new URL(import.meta.url.replace(/page-text\.([jt]s)$/, 'page-text.worker.$1'));
  const thread = new Worker(file, { workerData: job, env: {}, resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB } });
  return new Promise((resolve) => {
    const end = (page: PageText | undefined) => {
      clearTimeout(clock);
      resolve(page);
      void thread.terminate();
    };
    const clock = setTimeout(end, timeoutMs, undefined);
    thread.once('message', end);
    thread.once('error', () => end(undefined));
    thread.once('exit', () => end(undefined));
  });
}
