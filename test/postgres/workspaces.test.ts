import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tellLoss } from '../../activities/workspace/loss.js';
import type { Workspaces } from '../../activities/workspace/workspaces.js';
import { cleanBlobs } from '../../apps/worker/blob-cleaner.js';
import { createFileSystemBlobs } from '../../infra/blobs/file-system.adapter.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { aSession, type StoreFixture, startStore } from './session.fixture.js';
import { aHostOf } from './workspaces.fixture.js';

let fixture: StoreFixture;
let owner: pg.Client;
let folder: string;
const hosts: Workspaces[] = [];

beforeAll(async () => {
  fixture = await startStore();
  owner = new pg.Client({ connectionString: fixture.database.ownerUrl });
  await owner.connect();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rondo-workspaces-'));
});
afterAll(async () => {
  for (const host of hosts) await host.close();
  await owner.end();
  await fixture.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** One of several hosts that share a blob store and a database. */
function aHost(name: string, maximumBytes?: number) {
  const home = join(folder, name);
  const workspaces = aHostOf(fixture, home, { blobsAt: join(folder, 'blobs'), ...(maximumBytes === undefined ? {} : { maximumBytes }) });
  hosts.push(workspaces);
  return {
    workspaces,
    workspaceOf: (ref: SessionRef) => join(home, 'workspaces', ref.sessionId),
    mountsOf: (ref: SessionRef) => join(home, 'mounts', ref.sessionId),
  };
}
type Host = ReturnType<typeof aHost>;

/** What starting and ending a sandbox does to the rows, with a call in between. */
const saveSandbox = (ref: SessionRef, generation: number, state: 'starting' | 'released') =>
  fixture.store.locked(ref, async (session) => {
    await session.saveSandbox({
      generation,
      name: `none-${ref.sessionId}-g${generation}`,
      engine: 'docker',
      runtime: 'runc',
      isolation: 'container',
      state,
      hostId: null,
    });
    await session.claimEffect({ key: `call-${generation}`, attempt: 1 });
    if (state === 'released') await session.bindGeneration(`call-${generation}`, generation);
  });

/** A sandbox's life on a host: `work` is what runs in it. */
async function live(host: Host, ref: SessionRef, generation: number, work: () => void): Promise<void> {
  await saveSandbox(ref, generation, 'starting');
  await host.workspaces.bring(ref, generation);
  for (const directory of [host.workspaceOf(ref), host.mountsOf(ref)]) mkdirSync(directory, { recursive: true });
  work();
  await saveSandbox(ref, generation, 'released');
}

/** The same, where nothing ran: a caller of the API has put a file there. */
async function sendFile(host: Host, ref: SessionRef, generation: number, name: string): Promise<void> {
  await saveSandbox(ref, generation, 'starting');
  await host.workspaces.bring(ref, generation);
  mkdirSync(host.workspaceOf(ref), { recursive: true });
  writeFileSync(join(host.workspaceOf(ref), name), 'sent');
  await fixture.store.locked(ref, (session) => session.noteFileSent(generation));
}

const listing = (directory: string): string =>
  execFileSync('bash', ['-c', `find . -printf '%y %m %TY-%Tm-%Td %l %P\\n' | sort -k5; find . -type f -print0 | sort -z | xargs -0 -r sha256sum`], {
    cwd: directory,
    encoding: 'utf8',
  });

const attempts = async (ref: SessionRef, kind: string) =>
  (
    await owner.query<{ outcome: string; detail: Record<string, number> }>(
      'select outcome, detail from attempts where session_id = $1 and kind = $2 order by started_at',
      [ref.sessionId, kind],
    )
  ).rows;
const lossOf = (ref: SessionRef) => fixture.store.locked(ref, (session) => session.readLoss());
const packs = async (ref: SessionRef) =>
  (await owner.query<{ key: string }>('select blob_key as key from checkpoint_packs where session_id = $1', [ref.sessionId])).rows.map(({ key }) => key);

describe('a workspace', () => {
  it('goes on at another host byte for byte, with outputs and uploads, but without what is mounted anew', async () => {
    const [one, two] = [aHost('one'), aHost('two')];
    const ref = await aSession(fixture);
    await live(one, ref, 1, () => {
      const workspace = one.workspaceOf(ref);
      writeFileSync(join(workspace, 'data.bin'), randomBytes(200_000));
      mkdirSync(join(workspace, 'bin'));
      writeFileSync(join(workspace, 'bin/run'), '#!/bin/sh\n', { mode: 0o755 });
      symlinkSync('/etc/passwd', join(workspace, 'link'));
      mkdirSync(join(one.mountsOf(ref), 'session/outputs'), { recursive: true });
      writeFileSync(join(one.mountsOf(ref), 'session/outputs/table.csv'), 'a,b\n');
      mkdirSync(join(one.mountsOf(ref), 'skills/pdf'), { recursive: true });
      chmodSync(workspace, 0o755);
    });
    await one.workspaces.keep(ref);
    expect(await attempts(ref, 'checkpoint')).toMatchObject([{ outcome: 'ok', detail: { files: 3, skipped: 0, bytes: 200_000 + 10 + 4 } }]);
    const before = listing(one.workspaceOf(ref));
    await live(two, ref, 2, () => undefined);
    expect(listing(two.workspaceOf(ref))).toBe(before);
    expect(readFileSync(join(two.mountsOf(ref), 'session/outputs/table.csv'), 'utf8')).toBe('a,b\n');
    expect(existsSync(join(two.mountsOf(ref), 'skills'))).toBe(false);
    expect(await attempts(ref, 'restore')).toMatchObject([{ outcome: 'ok', detail: { sequence: 1, files: 3 } }]);
    expect(await lossOf(ref)).toEqual({ skipped: [], skippedCount: 0 });
  });

  it('that is on the host already is neither restored nor kept a second time', async () => {
    const host = aHost('one');
    const ref = await aSession(fixture);
    await live(host, ref, 1, () => writeFileSync(join(host.workspaceOf(ref), 'a'), 'first'));
    await host.workspaces.keep(ref);
    await host.workspaces.keep(ref);
    await live(host, ref, 2, () => writeFileSync(join(host.workspaceOf(ref), 'b'), 'second'));
    await host.workspaces.bring(ref, 2);
    await host.workspaces.keep(ref);
    expect(readdirSync(host.workspaceOf(ref))).toEqual(['a', 'b']);
    expect(await attempts(ref, 'restore')).toEqual([]);
    expect((await attempts(ref, 'checkpoint')).map(({ outcome }) => outcome)).toEqual(['ok', 'ok']);
  });

  it('stores only what changed, and gives back the blobs that nothing names any more', async () => {
    const host = aHost('one');
    const ref = await aSession(fixture);
    const file = (name: string) => join(host.workspaceOf(ref), name);
    await live(host, ref, 1, () => writeFileSync(file('large'), randomBytes(3_000_000)));
    await host.workspaces.keep(ref);
    const [first = ''] = await packs(ref);
    await live(host, ref, 2, () => writeFileSync(file('small'), 'changed'));
    await host.workspaces.keep(ref);
    expect((await attempts(ref, 'checkpoint'))[1]?.detail['stored_bytes']).toBeLessThan(100);
    expect(await packs(ref)).toContain(first);
    await live(host, ref, 3, () => rmSync(file('large')));
    await host.workspaces.keep(ref);
    expect(await packs(ref)).not.toContain(first);
    const blobs = createFileSystemBlobs(join(folder, 'blobs'));
    await cleanBlobs({ pool: fixture.pool, blobs, log: fixture.log });
    const left: string[] = [];
    for await (const key of blobs.list('')) left.push(key);
    expect(left).not.toContain(first);
    expect(left).toEqual(expect.arrayContaining(await packs(ref)));
  });

  it('whose session is deleted leaves no blob', async () => {
    const host = aHost('one');
    const ref = await aSession(fixture);
    await live(host, ref, 1, () => writeFileSync(join(host.workspaceOf(ref), 'a'), 'x'));
    await host.workspaces.keep(ref);
    await owner.query('delete from sessions where id = $1', [ref.sessionId]);
    const blobs = createFileSystemBlobs(join(folder, 'blobs'));
    await cleanBlobs({ pool: fixture.pool, blobs, log: fixture.log });
    const left: string[] = [];
    for await (const key of blobs.list('')) left.push(key);
    expect(left).toEqual([]);
  });
});

describe('what a new sandbox has not', () => {
  it('is said: files that were left out', async () => {
    const [one, two] = [aHost('one', 100), aHost('two')];
    const ref = await aSession(fixture);
    await live(one, ref, 1, () => {
      execFileSync('bash', ['-c', 'mkfifo "$0"', join(one.workspaceOf(ref), 'pipe')]);
      writeFileSync(join(one.workspaceOf(ref), 'large'), 'x'.repeat(200));
    });
    await one.workspaces.keep(ref);
    await live(two, ref, 2, () => undefined);
    const text = tellLoss((await lossOf(ref)) ?? { skipped: [], skippedCount: 0 });
    expect(text).toContain('"/workspace/large" (beyond the size that is kept), "/workspace/pipe" (a pipe, socket or device)');
    expect(text).toContain('files in /workspace and /mnt are as they were.');
  });

  it('is said: changes of a host that went away before it could keep them, and they do not come back', async () => {
    const [one, two] = [aHost('one'), aHost('two')];
    const ref = await aSession(fixture);
    const file = (host: Host, name: string) => join(host.workspaceOf(ref), name);
    await live(one, ref, 1, () => writeFileSync(file(one, 'kept'), 'x'));
    await one.workspaces.keep(ref);
    await live(one, ref, 2, () => writeFileSync(file(one, 'lost'), 'x'));
    await live(two, ref, 3, () => undefined);
    expect(readdirSync(two.workspaceOf(ref))).toEqual(['kept']);
    expect(tellLoss((await lossOf(ref)) ?? { skipped: [], skippedCount: 0 })).toMatch(/as they were at \d{4}-\d\d-\d\dT.*; what was written later is lost/);
    // The second host dies as well, before it has kept anything: the first must not go on with what was said to be lost.
    await live(one, ref, 4, () => undefined);
    expect(readdirSync(one.workspaceOf(ref))).toEqual(['kept']);
  });

  it('is said: everything, when nothing was ever kept', async () => {
    const [one, two] = [aHost('one'), aHost('two')];
    const ref = await aSession(fixture);
    await live(one, ref, 1, () => writeFileSync(join(one.workspaceOf(ref), 'lost'), 'x'));
    await live(two, ref, 2, () => undefined);
    expect(readdirSync(two.workspaceOf(ref))).toEqual([]);
    expect(await lossOf(ref)).toMatchObject({ changesSince: null });
    // A repetition after a crash finds everything in place, and takes nothing back of what is lost.
    await two.workspaces.bring(ref, 2);
    expect(await lossOf(ref)).toMatchObject({ changesSince: null });
  });
});

describe('files that callers of the API have put into a sandbox', () => {
  it('are said to be lost like what the agent wrote: before its first call, and since the last checkpoint', async () => {
    const [one, two] = [aHost('one'), aHost('two')];
    const first = await aSession(fixture);
    await sendFile(one, first, 1, 'sent');
    await live(two, first, 2, () => undefined);
    expect(readdirSync(two.workspaceOf(first))).toEqual([]);
    expect(await lossOf(first)).toMatchObject({ changesSince: null });

    const later = await aSession(fixture);
    await live(one, later, 1, () => writeFileSync(join(one.workspaceOf(later), 'kept'), 'x'));
    await one.workspaces.keep(later);
    await sendFile(two, later, 2, 'sent');
    await live(one, later, 3, () => undefined);
    expect(readdirSync(one.workspaceOf(later))).toEqual(['kept']);
    expect(tellLoss((await lossOf(later)) ?? { skipped: [], skippedCount: 0 })).toMatch(/as they were at \d{4}-\d\d-\d\dT.*; what was written later is lost/);
  });

  it('are no reason to tell an agent of another sandbox when they are there, since it has known none', async () => {
    const host = aHost('one');
    const ref = await aSession(fixture);
    await sendFile(host, ref, 1, 'sent');
    await live(host, ref, 2, () => undefined);
    expect(readdirSync(host.workspaceOf(ref))).toEqual(['sent']);
    expect(await lossOf(ref)).toBeUndefined();
  });
});

describe('a crash', () => {
  it('in the middle of a restore is repaired by the next attempt', async () => {
    const [one, two] = [aHost('one'), aHost('two')];
    const ref = await aSession(fixture);
    await live(one, ref, 1, () => writeFileSync(join(one.workspaceOf(ref), 'a'), 'x'));
    await one.workspaces.keep(ref);
    await saveSandbox(ref, 2, 'starting');
    // As a process leaves it that dies between the two directories, with the old ones set aside.
    mkdirSync(two.workspaceOf(ref), { recursive: true });
    writeFileSync(join(two.workspaceOf(ref), 'half'), 'x');
    for (const what of ['new', 'old']) mkdirSync(join(two.workspaceOf(ref), '..', `.${ref.sessionId}.${what}`, 'deep'), { recursive: true });
    await two.workspaces.bring(ref, 2);
    expect(readdirSync(two.workspaceOf(ref))).toEqual(['a']);
    expect(readdirSync(join(two.workspaceOf(ref), '..')).sort()).toEqual([ref.sessionId, `${ref.sessionId}.checkpoint`].sort());
  });

  it('or a standstill: who wakes up with an older sandbox leaves the directories to the newer one, which is kept when it ends', async () => {
    const host = aHost('one');
    const ref = await aSession(fixture);
    await live(host, ref, 1, () => undefined);
    await live(host, ref, 3, () => writeFileSync(join(host.workspaceOf(ref), 'a'), 'x'));
    await host.workspaces.bring(ref, 1);
    await expect(host.workspaces.bring(ref, 2)).rejects.toMatchObject({ code: 'sandbox.failed' });
    await host.workspaces.keep(ref);
    expect(await attempts(ref, 'checkpoint')).toMatchObject([{ outcome: 'ok', detail: { files: 1 } }]);
  });

  it('between a checkpoint and its mark does not restore over what is there', async () => {
    const host = aHost('one');
    const ref = await aSession(fixture);
    const mark = join(host.workspaceOf(ref), '..', `${ref.sessionId}.checkpoint`);
    await live(host, ref, 1, () => writeFileSync(join(host.workspaceOf(ref), 'a'), 'x'));
    await host.workspaces.keep(ref);
    const { holds } = JSON.parse(readFileSync(mark, 'utf8')) as { holds: string[] };
    writeFileSync(mark, JSON.stringify({ holds: ['', ...holds], usedBy: 1 }));
    await live(host, ref, 2, () => undefined);
    expect(await attempts(ref, 'restore')).toEqual([]);
  });
});

describe('a checkpoint', () => {
  it('is given up as soon as the session needs its workspace again', async () => {
    const host = aHost('one');
    const ref = await aSession(fixture);
    await live(host, ref, 1, () => {
      for (let index = 0; index < 40; index += 1) writeFileSync(join(host.workspaceOf(ref), `f${index}`), randomBytes(4_000_000));
    });
    const keeping = host.workspaces.keep(ref);
    await saveSandbox(ref, 2, 'starting');
    await host.workspaces.bring(ref, 2);
    await keeping;
    const [kept] = await attempts(ref, 'checkpoint');
    expect(kept === undefined || kept.outcome === 'superseded').toBe(true);
    expect(readdirSync(host.workspaceOf(ref))).toHaveLength(40);
  });

  it('that fails takes nothing away, and the next one succeeds', async () => {
    const host = aHost('one');
    const ref = await aSession(fixture);
    await live(host, ref, 1, () => writeFileSync(join(host.workspaceOf(ref), 'a'), 'x'));
    rmSync(join(folder, 'blobs'), { recursive: true, force: true });
    writeFileSync(join(folder, 'blobs'), 'a file where the folder of blobs should be');
    await host.workspaces.keep(ref);
    expect(await attempts(ref, 'checkpoint')).toMatchObject([{ outcome: 'error' }]);
    expect(readdirSync(host.workspaceOf(ref))).toEqual(['a']);
    rmSync(join(folder, 'blobs'));
    await host.workspaces.keep(ref);
    expect((await attempts(ref, 'checkpoint')).map(({ outcome }) => outcome)).toEqual(['error', 'ok']);
  });

  it('that failed is no reason to go back to an older one, also after a sandbox that never began', async () => {
    const host = aHost('one');
    const ref = await aSession(fixture);
    await live(host, ref, 1, () => writeFileSync(join(host.workspaceOf(ref), 'first'), 'x'));
    await host.workspaces.keep(ref);
    await live(host, ref, 2, () => writeFileSync(join(host.workspaceOf(ref), 'second'), 'x'));
    await fixture.store.locked(ref, async (session) => {
      const before = await session.findSandbox();
      if (before) await session.saveSandbox({ ...before, generation: 3, state: 'released' });
    });
    await live(host, ref, 4, () => undefined);
    expect(readdirSync(host.workspaceOf(ref))).toEqual(['first', 'second']);
  });

  it('that was changed in the store ends no session silently: the restore is refused', async () => {
    const [one, two] = [aHost('one'), aHost('two')];
    const ref = await aSession(fixture);
    await live(one, ref, 1, () => writeFileSync(join(one.workspaceOf(ref), 'a'), randomBytes(1_000)));
    await one.workspaces.keep(ref);
    for (const key of await packs(ref)) writeFileSync(join(folder, 'blobs', key), randomBytes(2_000));
    await saveSandbox(ref, 2, 'starting');
    await expect(two.workspaces.bring(ref, 2)).rejects.toMatchObject({ code: 'checkpoint.broken' });
    expect(existsSync(two.workspaceOf(ref))).toBe(false);
  });
});
