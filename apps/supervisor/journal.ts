import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import path from 'node:path';
import { SandboxOutcome } from '../../activities/sandbox/supervisor-protocol.js';

/** What the journal knows about a call. `finished` without an outcome: the outcome was too old to be kept. */
export interface JournalEntry {
  /** Undefined for a call that was cancelled before anyone made it: any request under its id is that call. */
  readonly digest: string | undefined;
  finished: boolean;
}

export interface Journal {
  find(callId: string): JournalEntry | undefined;
  /** Records that the call is about to run. Durable when it returns; throws if it could not be written. */
  start(callId: string, digest: string | undefined): void;
  finish(callId: string, outcome: SandboxOutcome): void;
  outcome(callId: string): SandboxOutcome | undefined;
  /** Whether an earlier supervisor of this sandbox has run calls. */
  readonly inherited: boolean;
}

const NO_DIGEST = '-';
const MAX_CALLS = 100_000;
const MAX_OUTCOME_BYTES = 64 * 1024 * 1024;

/** Identity of a call's request: the same for inputs that differ in the order of keys only. */
export function callDigest(name: string, input: unknown): string {
  return createHash('sha256')
    .update(`${name}\0${sortedJson(input)}`)
    .digest('hex');
}

/**
 * Remembers calls over a crash of the supervisor: `starts` has a line for every call ever begun, and
 * `outcomes/<call id>.json` what became of it. Only the newest outcomes are kept, starts are never dropped:
 * a forgotten start would let a call run twice.
 */
export function openJournal(directory: string): Journal {
  const startsFile = path.join(directory, 'starts');
  const outcomes = path.join(directory, 'outcomes');
  fs.mkdirSync(outcomes, { recursive: true, mode: 0o700 });
  const entries = readStarts(startsFile);
  const kept = readOutcomeSizes(outcomes);
  for (const callId of kept.keys()) {
    const entry = entries.get(callId);
    if (entry !== undefined) entry.finished = true;
  }
  const inherited = entries.size > 0;
  const file = fs.openSync(startsFile, 'a', 0o600);
  // A torn last line was never synced, so its call never ran; the newline keeps it from spoiling the next record.
  if (fs.fstatSync(file).size > 0) fs.writeSync(file, '\n');

  let keptBytes = [...kept.values()].reduce((sum, size) => sum + size, 0);
  const outcomeFile = (callId: string) => path.join(outcomes, `${callId}.json`);

  return {
    inherited,
    find: (callId) => entries.get(callId),
    start(callId, digest) {
      if (entries.size >= MAX_CALLS) throw new Error(`this sandbox has run ${MAX_CALLS} calls, its journal is full`);
      fs.writeSync(file, `${callId} ${digest ?? NO_DIGEST} start\n`);
      fs.fdatasyncSync(file);
      entries.set(callId, { digest, finished: false });
    },
    finish(callId, outcome) {
      const entry = entries.get(callId);
      if (entry !== undefined) entry.finished = true;
      const text = JSON.stringify(outcome);
      const temporary = path.join(outcomes, '.writing');
      fs.writeFileSync(temporary, text, { mode: 0o600 });
      fs.renameSync(temporary, outcomeFile(callId));
      kept.set(callId, Buffer.byteLength(text));
      keptBytes += Buffer.byteLength(text);
      for (const [oldest, size] of kept) {
        if (keptBytes <= MAX_OUTCOME_BYTES || oldest === callId) break;
        fs.rmSync(outcomeFile(oldest), { force: true });
        kept.delete(oldest);
        keptBytes -= size;
      }
    },
    outcome(callId) {
      try {
        return SandboxOutcome.parse(JSON.parse(fs.readFileSync(outcomeFile(callId), 'utf8')));
      } catch {
        return undefined;
      }
    },
  };
}

function readStarts(file: string): Map<string, JournalEntry> {
  const entries = new Map<string, JournalEntry>();
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  for (const line of text.split('\n')) {
    const match = /^([A-Za-z0-9_-]{1,128}) ([0-9a-f]{64}|-) start$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) {
      entries.set(match[1], { digest: match[2] === NO_DIGEST ? undefined : match[2], finished: false });
    }
  }
  return entries;
}

/** Call id to bytes of its outcome, oldest first. */
function readOutcomeSizes(directory: string): Map<string, number> {
  const found = fs
    .readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ callId: name.slice(0, -'.json'.length), stat: fs.lstatSync(path.join(directory, name)) }))
    .sort((a, b) => a.stat.mtimeMs - b.stat.mtimeMs);
  return new Map(found.map(({ callId, stat }) => [callId, stat.size]));
}

function sortedJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) =>
      part !== null && typeof part === 'object' && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
    ) ?? 'null'
  );
}
