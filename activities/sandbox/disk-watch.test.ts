import { expect, it, onTestFinished, vi } from 'vitest';
import type { DiskUsage } from './disk-usage.js';
import { createDiskWatch, highestOf } from './disk-watch.js';

const MEBIBYTE = 1 << 20;
const LIMIT: DiskUsage = { bytes: 1000 * MEBIBYTE, entries: 100_000 };

/** A disk on which one sandbox writes; time goes by in steps of a look. */
function aDisk() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  let used = 0;
  let entries = 1;
  let elsewhere = 0;
  const counted: number[] = [];
  const events: string[] = [];
  const watch = createDiskWatch({
    limit: LIMIT,
    measure: async () => {
      counted.push(used);
      return { bytes: used * MEBIBYTE, entries };
    },
    free: async () => ({ bytes: (1_000_000 - used - elsewhere) * MEBIBYTE, entries: 10_000_000 - entries }),
    onError: (_name, error) => events.push(String(error)),
  });
  const begin = () =>
    watch.watch('s', {
      directories: ['/d'],
      isRunning: async () => !events.includes('end'),
      stopWork: () => events.push('stop'),
      end: async () => void events.push('end'),
    });
  onTestFinished(() => {
    watch.close();
    vi.useRealTimers();
  });
  return {
    events,
    counted,
    begin,
    write: (mebibytes: number) => {
      used += mebibytes;
    },
    makeFiles: (count: number) => {
      entries += count;
    },
    writeElsewhere: (mebibytes: number) => {
      elsewhere += mebibytes;
    },
    pass: (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds),
  };
}

it('stops what runs once the limit is passed, and not before', async () => {
  const disk = aDisk();
  disk.begin();
  await disk.pass(500);
  disk.write(990);
  await disk.pass(500);
  expect(disk.events).toEqual([]);
  disk.write(60);
  await disk.pass(500);
  expect(disk.events).toEqual(['stop']);
});

it('counts again only when enough has gone, whoever took it, or a while has passed', async () => {
  const disk = aDisk();
  disk.begin();
  await disk.pass(5_000);
  expect(disk.counted).toEqual([0]);
  disk.writeElsewhere(600);
  await disk.pass(1_000);
  expect(disk.counted).toEqual([0, 0]);
  await disk.pass(31_000);
  expect(disk.counted).toHaveLength(3);
});

it('lets what is over the limit be cleaned up, and ends what goes on growing', async () => {
  const disk = aDisk();
  disk.begin();
  await disk.pass(300);
  disk.write(1_200);
  await disk.pass(300);
  expect(disk.events).toEqual(['stop']);
  disk.write(-100);
  await disk.pass(5_000);
  expect(disk.events).toEqual(['stop']);
  disk.write(200);
  await disk.pass(500);
  expect(disk.events).toEqual(['stop', 'end']);
  disk.write(500);
  await disk.pass(5_000);
  expect(disk.events).toEqual(['stop', 'end']);
});

it('forgives what is written while the stop takes effect, and stops again what fills the disk anew later', async () => {
  const disk = aDisk();
  disk.begin();
  await disk.pass(300);
  disk.write(1_100);
  await disk.pass(300);
  disk.write(80);
  await disk.pass(300);
  expect(disk.events).toEqual(['stop']);
  await disk.pass(20_000);
  disk.write(80);
  await disk.pass(300);
  expect(disk.events).toEqual(['stop', 'stop']);
});

it('bears what another worker left over the limit, and ends what is beyond all cleaning up', async () => {
  const disk = aDisk();
  disk.write(1_500);
  disk.begin();
  await disk.pass(5_000);
  expect(disk.events).toEqual([]);
  const other = aDisk();
  other.write(highestOf(LIMIT).bytes / MEBIBYTE + 1);
  other.begin();
  await other.pass(300);
  expect(other.events).toEqual(['end']);
});

it('counts files as well as bytes', async () => {
  const disk = aDisk();
  disk.begin();
  await disk.pass(300);
  disk.makeFiles(120_000);
  await disk.pass(300);
  expect(disk.events).toEqual(['stop']);
});

it('leaves a sandbox alone that is no longer watched', async () => {
  const disk = aDisk();
  const stop = disk.begin();
  await disk.pass(300);
  stop();
  disk.write(5_000);
  await disk.pass(60_000);
  expect(disk.events).toEqual([]);
});
