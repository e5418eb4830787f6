import { setTimeout as delay } from 'node:timers/promises';
import { nowMs } from '../../apps/rehearsal/recorder.js';

/** When an activity's code began and ended, as `nowMs` gives it. */
export interface Attended {
  readonly from: number;
  readonly to: number;
}

export const activities = {
  /** Does nothing, for so long; with 0 nothing at all. */
  async attend(milliseconds: number): Promise<Attended> {
    const from = nowMs();
    if (milliseconds > 0) await delay(milliseconds);
    return { from, to: nowMs() };
  },
};

export type BaselineActivities = typeof activities;
