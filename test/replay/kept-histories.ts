import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordedHistory } from '../support/temporal.js';

const FOLDER = join(import.meta.dirname, 'histories');

/** Names of the kept histories, in order. */
export const keptNames = (): string[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();

export const readKept = (name: string): RecordedHistory => JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as RecordedHistory;

export const keep = (name: string, history: RecordedHistory): void => writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(history, undefined, 1)}\n`);
