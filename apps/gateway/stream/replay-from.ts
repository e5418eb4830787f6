import { RondoError } from '../../../workflows/contract/errors.js';

/**
 * Where a stream begins: after the event a reconnecting client saw last, else after the one it asked for, else (undefined)
 * live. The header wins, because a browser repeats the first address when it reconnects.
 */
export function replayFrom(lastEventId: string | undefined, after: number | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === '') return after;
  if (!/^\d{1,15}$/.test(lastEventId)) {
    throw new RondoError('request.invalid', 'Last-Event-ID: must be the number in the id line of an event of this stream.');
  }
  return Number(lastEventId);
}
