import { RondoError } from '../../workflows/contract/errors.js';

/** A body that fails with `request.too_large` at the first byte over its limit; failures underneath pass through `explain`. */
export function boundedBody(body: ReadableStream<Uint8Array>, maxBytes: number, explain: (error: unknown) => RondoError): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let total = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        total += value.byteLength;
        if (total > maxBytes) throw new RondoError('request.too_large', `The answer is larger than ${maxBytes} bytes.`);
        controller.enqueue(value);
      } catch (error) {
        void reader.cancel().catch(() => undefined);
        controller.error(error instanceof RondoError ? error : explain(error));
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
