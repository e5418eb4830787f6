import { RondoError } from '../workflows/contract/errors.js';

/**
 * Why an attempt is given up though its work is still wanted: the worker shuts down, or Temporal has lost sight of it.
 * What it started goes on, and another attempt takes it over.
 */
export const withdrawal = (): RondoError =>
  new RondoError('service.unavailable', 'This attempt was withdrawn from its worker; another one goes on with the work.');

/** Whether the signal ended the attempt only; any other reason ends the work itself. */
export const isWithdrawn = (signal: AbortSignal | undefined): boolean => signal?.reason instanceof RondoError && signal.reason.code === 'service.unavailable';
