import { describe, expect, it } from 'vitest';
import { describeLimits, type LimitCounts } from './limits.js';

const counts = (outOfMemory: number | undefined, processRefused: number | undefined): LimitCounts => ({ outOfMemory, processRefused });
const told = (before: LimitCounts, after: LimitCounts, exitCode: number | undefined, printed = '') =>
  describeLimits(before, after, { exitCode, printed }).join(' ');

describe('limits that a command has run into', () => {
  it('are told from what the kernel has counted, whatever the command printed', () => {
    expect(told(counts(1, 0), counts(2, 0), 0)).toMatch(/^Out of memory: a program was killed/);
    expect(told(counts(0, 0), counts(3, 0), 0)).toMatch(/3 programs were killed/);
    expect(told(counts(0, 5), counts(0, 9), 0)).toMatch(/^Too many processes/);
    expect(told(counts(2, 9), counts(2, 9), 1, 'an error')).toBe('');
  });

  it('are called likely where the kernel does not say', () => {
    const silent = counts(undefined, undefined);
    expect(told(silent, silent, 137)).toMatch(/most likely/);
    expect(told(silent, silent, 1, '/run/x: line 1:   123 Killed   python3 a.py')).toMatch(/most likely/);
    expect(told(silent, silent, 1, 'bash: fork: retry: Resource temporarily unavailable')).toMatch(/^Too many processes/);
  });

  it('are not read out of what a command that succeeded has printed', () => {
    const silent = counts(undefined, undefined);
    expect(told(silent, silent, 0, 'ENOSPC: No space left on device; cannot fork; Killed')).toBe('');
  });

  it('tell a full disk from a file that is too large', () => {
    const none = counts(0, 0);
    expect(told(none, none, 1, "dd: error writing '/tmp/x': No space left on device")).toMatch(/^Disk full/);
    expect(told(none, none, 153)).toMatch(/^Disk limit: a file/);
  });

  it('are not blamed for a kill of the command itself when memory was never short', () => {
    expect(told(counts(0, 0), counts(0, 0), 137)).toBe('');
  });
});
