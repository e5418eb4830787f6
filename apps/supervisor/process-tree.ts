import * as fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

interface Process {
  readonly pid: number;
  readonly name: string;
  readonly parent: number;
  readonly session: number;
  /** Clock ticks after the system's start. */
  readonly startedAt: number;
}

const GIVE_UP_MS = 1500;
const MOST_NAMED = 5;
/** What multiplies faster than it is killed has to be ended in another way. */
const MOST_LOOKS = 50;
/** What Linux shows to programs, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;

/** Environment variable every shell is started with, so that what it started can be found after it moved away. */
export const SHELL_MARKER = 'RONDO_SHELL';

/**
 * Kills a shell and everything it started: its descendants, its session, and processes that carry its marker in
 * their environment though they have left both (daemons). Jobs from before `spareBefore` (of `ticksNow`) go on, with what they
 * start. Resolves when none is left, or after a while.
 */
export async function killTree(shell: { readonly pid: number; readonly marker: string }, spareBefore = 0): Promise<void> {
  const until = Date.now() + GIVE_UP_MS;
  // Stopped first: the script must not go on when the command it waits for is killed, nor its children lose their parent.
  signal(shell.pid, 'SIGSTOP');
  const doomed = new Set([shell.pid]);
  for (;;) {
    const found = processes();
    const spared = descendants(found, ({ pid, startedAt }) => pid !== shell.pid && startedAt < spareBefore);
    const alive = found.filter(({ pid }) => !spared.has(pid));
    let grew = true;
    while (grew) {
      grew = false;
      for (const { pid, parent, session } of alive) {
        if (doomed.has(pid) || !(doomed.has(parent) || session === shell.pid || hasMarker(pid, shell.marker))) continue;
        doomed.add(pid);
        grew = true;
      }
    }
    const left = alive.filter(({ pid }) => doomed.has(pid));
    if (left.length === 0) return;
    for (const { pid } of left) signal(pid, 'SIGKILL');
    if (Date.now() > until) return;
    await delay(10);
  }
}

/** Processes that a rule picks, and all that they have started and that still has a parent. */
function descendants(all: readonly Process[], picked: (process: Process) => boolean): Set<number> {
  const found = new Set(all.filter(picked).map(({ pid }) => pid));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return found;
}

/** The time as processes' beginnings are counted; a process of this very moment counts as later. */
export function ticksNow(): number {
  const [uptime] = fs.readFileSync('/proc/uptime', 'latin1').split(' ');
  return Math.floor(Number(uptime) * TICKS_PER_SECOND);
}

/** Processes that a shell has started since a moment of `ticksNow`, some of them, for people: process id and name. */
export function startedSince(marker: string, since: number, shell: number | undefined): string[] {
  return processes()
    .filter(({ pid, startedAt }) => pid !== shell && startedAt >= since && hasMarker(pid, marker))
    .slice(0, MOST_NAMED)
    .map(({ pid, name }) => `${pid} (${name})`);
}

/** Kills whatever shells of an earlier supervisor have left running. */
export function killMarked(): void {
  const killed = new Set<number>();
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    // One that was started while the others were looked up is found by the next look.
    const found = processes().filter(({ pid }) => !killed.has(pid) && hasMarker(pid, ''));
    if (found.length === 0) return;
    for (const { pid } of found) {
      signal(pid, 'SIGKILL');
      killed.add(pid);
    }
  }
}

function signal(pid: number, name: 'SIGKILL' | 'SIGSTOP'): void {
  try {
    process.kill(pid, name);
  } catch {
    // gone already, or not ours to kill
  }
}

/** All processes but PID 1, this one and zombies. */
function processes(): Process[] {
  const found: Process[] = [];
  for (const name of fs.readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid) continue;
    try {
      const stat = fs.readFileSync(`/proc/${name}/stat`, 'latin1');
      // The second field is the program's name in parentheses and may itself hold anything.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const [state, parent, , session] = fields;
      const program = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
      if (state !== 'Z' && state !== 'X') found.push({ pid, name: program, parent: Number(parent), session: Number(session), startedAt: Number(fields[19]) });
    } catch {
      // ended in between
    }
  }
  return found;
}

function hasMarker(pid: number, value: string): boolean {
  try {
    return `\0${fs.readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${SHELL_MARKER}=${value}`);
  } catch {
    return false;
  }
}
