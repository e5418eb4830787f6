import { Transform } from 'node:stream';

export interface Replacement {
  /** Not empty. */
  readonly from: Buffer;
  readonly to: Buffer;
}

/** Replaces byte sequences in a stream, also those split over chunks. Of several that begin at one place the longest counts. */
export interface ByteReplacer {
  /** What of the stream is settled by now. Only bytes that may be the beginning of a sequence are kept back. */
  push(chunk: Buffer): Buffer;
  /** What was kept back. */
  end(): Buffer;
}

const NOTHING = Buffer.alloc(0);

export function createByteReplacer(replacements: readonly Replacement[], onReplaced: (replacement: Replacement) => void = () => undefined): ByteReplacer {
  const longestFirst = [...replacements].filter(({ from }) => from.length > 0).sort((left, right) => right.from.length - left.from.length);
  const longest = longestFirst[0]?.from.length ?? 0;
  let kept: Buffer = NOTHING;

  /** Where the end of the bytes may be the beginning of a sequence. */
  const undecidedFrom = (bytes: Buffer, start: number): number => {
    for (let at = Math.max(start, bytes.length - longest + 1); at < bytes.length; at += 1) {
      const rest = bytes.length - at;
      if (longestFirst.some(({ from }) => from.length > rest && from.compare(bytes, at, bytes.length, 0, rest) === 0)) return at;
    }
    return bytes.length;
  };

  const replace = (bytes: Buffer, isEnd: boolean): Buffer => {
    const pieces: Buffer[] = [];
    const next = longestFirst.map(({ from }) => bytes.indexOf(from));
    let done = 0;
    for (;;) {
      let found: Replacement | undefined;
      let foundAt = bytes.length;
      longestFirst.forEach((replacement, index) => {
        const known = next[index] ?? -1;
        const at = known >= 0 && known < done ? bytes.indexOf(replacement.from, done) : known;
        next[index] = at;
        if (at >= 0 && at < foundAt) [found, foundAt] = [replacement, at];
      });
      const undecided = isEnd ? bytes.length : undecidedFrom(bytes, done);
      if (!found || undecided <= foundAt) {
        const upTo = found ? Math.min(undecided, foundAt) : undecided;
        pieces.push(bytes.subarray(done, upTo));
        kept = Buffer.from(bytes.subarray(upTo));
        break;
      }
      pieces.push(bytes.subarray(done, foundAt), found.to);
      onReplaced(found);
      done = foundAt + found.from.length;
    }
    return pieces.length === 1 ? (pieces[0] ?? NOTHING) : Buffer.concat(pieces);
  };

  return {
    push: (chunk) => (longest === 0 ? chunk : replace(kept.length === 0 ? chunk : Buffer.concat([kept, chunk]), false)),
    end: () => replace(kept, true),
  };
}

/** The same as a step of a pipeline. */
export function replacingStream(replacements: readonly Replacement[], onReplaced?: (replacement: Replacement) => void): Transform {
  const replacer = createByteReplacer(replacements, onReplaced);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const settled = replacer.push(chunk);
      done(null, settled.length > 0 ? settled : undefined);
    },
    flush(done) {
      const rest = replacer.end();
      done(null, rest.length > 0 ? rest : undefined);
    },
  });
}
