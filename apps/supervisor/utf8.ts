import { isUtf8 } from 'node:buffer';

/** Bytes as UTF-8 whatever they were, in whole characters: what is none becomes U+FFFD. */
export interface Utf8Normalizer {
  /** The result is good until the next call. */
  push(bytes: Buffer): Buffer;
  /** What was kept back, because more of it could have come. */
  end(): Buffer;
}

/** Leaves what is UTF-8 already as it is, without copying it. */
export function createUtf8Normalizer(): Utf8Normalizer {
  let kept: Buffer = Buffer.alloc(0);
  const normal = (bytes: Buffer): Buffer => (isUtf8(bytes) ? bytes : Buffer.from(bytes.toString()));
  return {
    push(added) {
      const bytes = kept.length === 0 ? added : Buffer.concat([kept, added]);
      const end = wholeEnd(bytes);
      kept = Buffer.from(bytes.subarray(end));
      return normal(bytes.subarray(0, end));
    },
    end() {
      const rest = normal(kept);
      kept = Buffer.alloc(0);
      return rest;
    },
  };
}

/** Where the last whole character ends. */
export function wholeEnd(bytes: Uint8Array, from = 0): number {
  let lead = bytes.length - 1;
  while (lead > from && lead > bytes.length - 4 && isContinuation(bytes[lead])) lead -= 1;
  return lead >= from && lead + lengthFrom(bytes[lead]) > bytes.length ? lead : bytes.length;
}

export const isContinuation = (byte = 0): boolean => (byte & 0xc0) === 0x80;

/** Bytes of the character that a byte begins; 1 for a byte that begins none. */
const lengthFrom = (byte = 0): number => (byte < 0xc2 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 1);
