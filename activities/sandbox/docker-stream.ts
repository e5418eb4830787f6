import { Duplex, Transform, type TransformCallback } from 'node:stream';

const HEADER_BYTES = 8;
const STDERR = 2;
const KEPT_STDERR_BYTES = 4096;

/**
 * The byte channel of a program that the engine runs without a terminal: writes go to its standard input, reads are
 * its standard output. The engine sends both outputs in frames (one byte for which, three of nothing, four for the
 * length); standard error ends up in the error that the channel closes with.
 */
export function demultiplex(connection: Duplex): Duplex {
  let header: Buffer = Buffer.alloc(0);
  let remaining = 0;
  let isError = false;
  let stderr = '';

  const output = new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      let rest = chunk;
      while (rest.length > 0) {
        if (remaining === 0) {
          const missing = HEADER_BYTES - header.length;
          header = Buffer.concat([header, rest.subarray(0, missing)]);
          rest = rest.subarray(missing);
          if (header.length < HEADER_BYTES) break;
          isError = header[0] === STDERR;
          remaining = header.readUInt32BE(4);
          header = Buffer.alloc(0);
          continue;
        }
        const piece = rest.subarray(0, remaining);
        rest = rest.subarray(piece.length);
        remaining -= piece.length;
        if (!isError) this.push(piece);
        else stderr = (stderr + piece.toString('utf8')).slice(-KEPT_STDERR_BYTES);
      }
      done();
    },
    flush(done) {
      done(stderr.trim() === '' ? null : new Error(stderr.trim()));
    },
  });
  connection.on('error', (error) => output.destroy(error));
  connection.pipe(output);

  const channel = new Duplex({
    read: () => void output.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (connection.write(chunk)) return done();
      connection.once('drain', done);
    },
    final(done) {
      connection.end(done);
    },
    destroy(error, done) {
      connection.destroy();
      output.destroy();
      done(error);
    },
  });
  output.on('data', (chunk: Buffer) => {
    if (!channel.push(chunk)) output.pause();
  });
  output.on('end', () => channel.push(null));
  output.on('error', (error) => channel.destroy(error));
  connection.on('close', () => {
    if (!output.readableEnded && !connection.readableEnded) channel.destroy(new Error('the engine closed the connection'));
  });
  return channel;
}
