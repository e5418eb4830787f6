import { nowMs } from '../../apps/rehearsal/recorder.js';

/** Does nothing but look at the clock. */
export const activities = { empty: (): Promise<number> => Promise.resolve(nowMs()) };

export type BaselineActivities = typeof activities;
