import { RondoError } from '../../workflows/contract/errors.js';
import type { OutgoingLine } from '../egress/traffic.port.js';

export interface BodyBounds {
  readonly maxBytes: number;
  /** Where what comes is counted; it ends with the body. */
  readonly line: OutgoingLine | undefined;
  readonly explain: (error: unknown) => RondoError;
}

/** A body that fails with `request.too_large` at the first byte over its limit; failures underneath pass through `explain`. */
export function boundedBody(body: ReadableStream<Uint8Array>, { maxBytes, line, explain }: BodyBounds): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let total = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          line?.end();
          return controller.close();
        }
        total += value.byteLength;
        if (total > maxBytes) throw new RondoError('request.too_large', `The answer is larger than ${maxBytes} bytes.`);
        line?.received(value.byteLength);
        controller.enqueue(value);
      } catch (error) {
        void reader.cancel().catch(() => undefined);
        controller.error(explain(error));
      }
    },
    cancel(reason) {
      line?.end();
      return reader.cancel(reason);
    },
  });
}
