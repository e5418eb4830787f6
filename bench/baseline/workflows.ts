import { proxyActivities } from '@temporalio/workflow';
import type { Attended, BaselineActivities } from './activities.js';

const { attend } = proxyActivities<BaselineActivities>({ startToCloseTimeout: '1m' });

/** The least Temporal can do for one message: one workflow, one empty activity. */
export const oneActivity = (): Promise<Attended> => attend(0);

/** The least Temporal can do for a loop of two activities a step; one more closes the last pair. */
export async function pairsOfActivities(pairs: number, milliseconds: number): Promise<Attended[]> {
  const attended: Attended[] = [];
  for (let count = 0; count <= 2 * pairs; count += 1) attended.push(await attend(milliseconds));
  return attended;
}
