import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const CONNECT_MS = 5_000;
const SILENCE_MS = 30_000;

/**
 * Starts a GET request; it has 5 s to be answered at all, and later may be silent for 30 s.
 * @param {string} url
 */
async function open(url) {
  const controller = new AbortController();
  let timer = setTimeout(() => controller.abort(new Error(`no answer within ${CONNECT_MS / 1000} s`)), CONNECT_MS);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(new Error(`silent for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  };
  const done = () => clearTimeout(timer);
  try {
    const response = await fetch(url, { signal: controller.signal });
    alive();
    if (!response.ok || !response.body) throw new Error(`answered ${response.status}`);
    return { response, body: response.body, alive, done };
  } catch (error) {
    done();
    throw new Error(`${new URL(url).host}: ${reason(error)}`);
  }
}

/** fetch hides why it failed in `cause`. @param {unknown} error @returns {string} */
function reason(error) {
  const { cause, message } = /** @type {Error} */ (error);
  return cause instanceof Error ? cause.message : message;
}

/** Whether anything answers there within 5 s; a refusal is an answer too. @param {string} url @returns {Promise<boolean>} */
export async function fetchAnswer(url) {
  try {
    await fetch(url, { signal: AbortSignal.timeout(CONNECT_MS) });
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string} url
 * @returns {Promise<string>}
 */
export async function fetchText(url) {
  const { response, done } = await open(url);
  try {
    return await response.text();
  } finally {
    done();
  }
}

/**
 * @param {string} url
 * @param {string} file
 * @param {(line: string) => void} [report]
 */
export async function fetchFile(url, file, report) {
  const { response, body, alive, done } = await open(url);
  const total = Number(response.headers.get('content-length') ?? 0);
  let received = 0;
  const source = Readable.fromWeb(/** @type {import('node:stream/web').ReadableStream} */ (body));
  source.on('data', (/** @type {Buffer} */ bytes) => {
    alive();
    received += bytes.length;
    report?.(`${megabytes(received)}${total ? ` of ${megabytes(total)}` : ''} MB`);
  });
  try {
    await pipeline(source, createWriteStream(file));
  } finally {
    done();
  }
}

/** @param {number} bytes */
const megabytes = (bytes) => (bytes / 1e6).toFixed(0);
