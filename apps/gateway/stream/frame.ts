/** One server-sent event. `id` is the event's number in the log; frames that are not in the log have none. */
export interface Frame {
  readonly event: string;
  readonly id?: number;
  readonly data: unknown;
}

/** The frame as it goes over the wire. The SDK drops frames without an `event:` line (wire section 3.3). */
export const encodeFrame = ({ event, id, data }: Frame): string => `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;

export const PING: Frame = { event: 'ping', data: { type: 'ping' } };
