import { Transform } from 'node:stream';
import type { EgressTotals } from '../../workflows/contract/network-records.js';
import { Refusal } from './refusal.js';

/** What a session has used and how much it may, over all its sandboxes. */
export interface Meter {
  /** Counts a request. Errors: `Refusal`, of which only the first is for the audit: the limit bounds its lines too. */
  countRequest(): void;
  /** Counts bytes, whichever way. Errors: `Refusal`. */
  countBytes(count: number): void;
  /** What another process has counted of the same session. */
  setElsewhere(used: EgressTotals): void;
}

export interface MeterLimits {
  /** 0 is no limit. */
  readonly requests: number;
  readonly bytes: number;
}

export function createMeter(used: EgressTotals, limits: MeterLimits): Meter {
  let { requests, bytes } = used;
  let elsewhere: EgressTotals = { requests: 0, bytes: 0 };
  let isTold = false;
  return {
    countRequest() {
      requests += 1;
      if (limits.requests > 0 && requests + elsewhere.requests > limits.requests) {
        const refusal = over('requests', limits.requests, isTold);
        isTold = true;
        throw refusal;
      }
      if (limits.bytes > 0 && bytes + elsewhere.bytes >= limits.bytes) throw over('bytes', limits.bytes);
    },
    countBytes(count) {
      bytes += count;
      if (limits.bytes > 0 && bytes + elsewhere.bytes > limits.bytes) throw over('bytes', limits.bytes);
    },
    setElsewhere(used) {
      elsewhere = used;
    },
  };
}

const over = (what: string, most: number, isRepeated = false): Refusal =>
  new Refusal(429, `limit of ${what}`, `This session has used its network allowance of ${most} ${what}.`, isRepeated);

/**
 * Lets bytes pass and counts them. It stands inside the pipe: a listener beside it would start the flow before the other
 * end is there, and lose what comes first.
 */
export const countingStream = (count: (bytes: number) => void, beforeEnd: () => void = () => undefined): Transform =>
  new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        count(chunk.length);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done) {
      beforeEnd();
      done();
    },
  });

/** Both ways of a connection, counted in its line and in what its session has used. */
export function countingWays(line: { bytesUp: number; bytesDown: number }, meter: Meter): { readonly up: Transform; readonly down: Transform } {
  const counting = (way: 'bytesUp' | 'bytesDown') =>
    countingStream((bytes) => {
      line[way] += bytes;
      meter.countBytes(bytes);
    });
  return { up: counting('bytesUp'), down: counting('bytesDown') };
}
