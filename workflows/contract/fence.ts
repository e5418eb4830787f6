/**
 * The fence of a session orders everything that may write to it: `epoch * 2^24 + step`. An epoch begins with every
 * run, interrupt and kill; steps count within it. It is one integer so that one comparison under the row lock decides.
 */
const STEPS_PER_EPOCH = 2 ** 24;

export interface Fence {
  readonly epoch: number;
  readonly step: number;
}

export const encodeFence = ({ epoch, step }: Fence): number => epoch * STEPS_PER_EPOCH + step;

export const decodeFence = (fence: number): Fence => ({
  epoch: Math.floor(fence / STEPS_PER_EPOCH),
  step: fence % STEPS_PER_EPOCH,
});
