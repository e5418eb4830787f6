import { StringDecoder } from 'node:string_decoder';

/** Splits a byte stream into lines of at most `maxBytes`. Throws a RangeError at the first longer one. */
export function createLineSplitter(maxBytes: number): (chunk: Buffer) => string[] {
  let decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  let bytes = 0;
  return (chunk) => {
    const lines: string[] = [];
    let start = 0;
    for (;;) {
      const newline = chunk.indexOf(0x0a, start);
      const piece = chunk.subarray(start, newline < 0 ? chunk.length : newline);
      bytes += piece.length;
      if (bytes > maxBytes) throw new RangeError(`a line is longer than ${maxBytes} bytes`);
      parts.push(decoder.write(piece));
      if (newline < 0) return lines;
      lines.push(parts.join('') + decoder.end());
      decoder = new StringDecoder('utf8');
      parts = [];
      bytes = 0;
      start = newline + 1;
    }
  };
}
