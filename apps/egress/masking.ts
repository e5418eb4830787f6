import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { Refusal } from '../../activities/egress/refusal.js';
import { createByteReplacer, type Replacement, replacingStream } from './byte-replacer.js';
import { type HeaderList, headerOf } from './exchange.js';

/** An answer without the secrets that its request has received. */
export interface MaskedAnswer {
  readonly headers: HeaderList;
  /** Steps between the other side and the sandbox. */
  readonly steps: readonly Transform[];
}

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/**
 * Puts placeholders where secrets stand, in headers and body. Lengths change, so the answer is framed anew; a body that was
 * compressed although nobody asked for it is unpacked. Errors: `Refusal` for a coding that cannot be read.
 */
export function maskAnswer(headers: HeaderList, masks: readonly Replacement[], hasBody: boolean): MaskedAnswer {
  const codings = headers.filter(([name]) => name === 'content-encoding').flatMap(([, value]) => value.toLowerCase().split(','));
  const coding = codings
    .map((text) => text.trim())
    .filter((text) => text !== '' && text !== 'identity')
    .join(', ');
  const decoder = coding === '' || !hasBody ? undefined : DECODERS[coding];
  if (hasBody && coding !== '' && !decoder) {
    throw new Refusal(
      502,
      'answer cannot be masked',
      `The answer came in the coding ${JSON.stringify(coding.slice(0, 40))}, in which secrets cannot be found.`,
    );
  }
  // Frames tell their lengths, so a secret in them is replaced by as many bytes.
  const framed = /^application\/(grpc|connect)/i.test(headerOf(headers, 'content-type') ?? '');
  const dropped = new Set(['content-length', ...(decoder ? ['content-encoding'] : [])]);
  return {
    headers: maskFields(
      headers.filter(([name]) => !dropped.has(name)),
      masks,
    ),
    steps: [...(decoder ? [decoder()] : []), replacingStream(framed ? masks.map(ofSameLength) : masks)],
  };
}

/** The same for header fields and trailers. */
export function maskFields(headers: HeaderList, masks: readonly Replacement[]): HeaderList {
  return headers.map(([name, value]) => {
    const replacer = createByteReplacer(masks);
    return [name, Buffer.concat([replacer.push(Buffer.from(value, 'latin1')), replacer.end()]).toString('latin1')] as const;
  });
}

/** For streams whose framing must not move. */
export const ofSameLength = ({ from, to }: Replacement): Replacement => ({
  from,
  to: Buffer.alloc(from.length, '*').fill(to.subarray(0, from.length), 0, Math.min(to.length, from.length)),
});
