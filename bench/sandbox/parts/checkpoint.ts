import { workspaceOf } from '../../../activities/sandbox/session-directories.js';
import type { SessionRef } from '../../../workflows/contract/activities.js';
import { type Figure, median, milliseconds, plain } from '../../figures.js';
import type { Part, Run } from '../../part.js';
import { giveBack } from '../first-command.js';
import type { Ground } from '../ground.js';
import type { Host } from '../host.js';
import { type Content, changeOne, expectContent, fill } from '../workspace-content.js';

const CONTENTS: readonly (Content & { readonly rounds: number })[] = [
  { label: '10 MB in 100 files', files: 100, fileBytes: 100_000, rounds: 5 },
  { label: '200 MB in 200 files', files: 200, fileBytes: 1_000_000, rounds: 2 },
  { label: '10 MB in 5,000 files', files: 5_000, fileBytes: 2_000, rounds: 3 },
];

interface Kept {
  readonly ms: number;
  readonly storedMb: number;
}

/** A workspace that is kept, changed and kept again on one host, and brought back on another; times and bytes as the trace tells them. */
export const checkpoint: Part<Ground> = {
  id: 'checkpoint',
  title: 'workspaces kept when their sandbox is given back, and restored on another host',
  limitMs: 180_000,
  async measure(ground: Ground, run: Run): Promise<Figure[]> {
    // The engine has no part in it: the last one starts soonest.
    const host = ground.hosts.at(-1);
    if (!host) throw new Error('There is no engine.');
    const twin = await ground.openTwin(host);
    const figures: Figure[] = [];
    for (const content of CONTENTS) {
      const full: Kept[] = [];
      const changed: Kept[] = [];
      const restored: number[] = [];
      for (let round = 0; round < (run.quick ? 1 : content.rounds); round += 1) {
        run.signal.throwIfAborted();
        const ref = await ground.newSession();
        full.push(await keep(ground, host, ref, (workspace) => fill(workspace, content)));
        changed.push(await keep(ground, host, ref, (workspace) => changeOne(workspace, content)));
        await twin.parts.sandboxes.acquire(ref);
        expectContent(workspaceOf(twin.home, ref.sessionId), content);
        restored.push((await lastAttempt(ground, ref, 'restore')).ms);
        await giveBack(twin, ref);
        await twin.parts.workspaces.keep(ref);
      }
      const { label } = content;
      figures.push(
        milliseconds(
          `${label}: checkpoint`,
          full.map(({ ms }) => ms),
        ),
        plain(`${label}: stored`, median(full.map(({ storedMb }) => storedMb)), 'MB'),
        milliseconds(
          `${label}: checkpoint after one file changed`,
          changed.map(({ ms }) => ms),
        ),
        plain(`${label}: stored after one file changed`, median(changed.map(({ storedMb }) => storedMb)), 'MB'),
        milliseconds(`${label}: restore`, restored),
      );
    }
    return figures;
  },
};

/** Works in the workspace of a running sandbox, gives the sandbox back, and waits until the workspace is kept. */
async function keep(ground: Ground, host: Host, ref: SessionRef, work: (workspace: string) => void): Promise<Kept> {
  await host.parts.sandboxes.acquire(ref);
  work(workspaceOf(host.home, ref.sessionId));
  await giveBack(host, ref);
  await host.parts.workspaces.keep(ref);
  return lastAttempt(ground, ref, 'checkpoint');
}

async function lastAttempt({ rows }: Ground, { sessionId }: SessionRef, kind: 'checkpoint' | 'restore'): Promise<Kept> {
  const { rows: found } = await rows.query<{ outcome: string | null; ms: number; stored: number | null }>(
    `select outcome, extract(epoch from ended_at - started_at)::float8 * 1000 as ms, (detail->>'stored_bytes')::float8 as stored
     from attempts where session_id = $1 and kind = $2 order by started_at desc limit 1`,
    [sessionId, kind],
  );
  const [last] = found;
  if (last?.outcome !== 'ok') throw new Error(`The ${kind} of session ${sessionId} ended as ${last?.outcome ?? 'nothing'}.`);
  return { ms: last.ms, storedMb: (last.stored ?? 0) / 1e6 };
}
