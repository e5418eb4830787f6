import { proxyActivities } from '@temporalio/workflow';
import type { BaselineActivities } from './activities.js';

const { empty } = proxyActivities<BaselineActivities>({ startToCloseTimeout: '1m' });

/** The least Temporal can do for one message: one workflow, one activity. Answers when the activity ran. */
export const oneEmptyActivity = (): Promise<number> => empty();

/** The least Temporal can do for a loop of two activities a step. Answers when each ran; one more closes the last pair. */
export async function emptyPairs(pairs: number): Promise<number[]> {
  const ranAt: number[] = [];
  for (let count = 0; count <= 2 * pairs; count += 1) ranAt.push(await empty());
  return ranAt;
}
