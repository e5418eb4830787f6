import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';

const SMALL = Buffer.alloc(1_000, 'x');
const BLOCK = Buffer.alloc(65_536, 'abcdefghijklmno\n');

/** `/small`: a KB. `/down/<bytes>`: so many. `/up`: how many came. `/events`: one event at once, and no end. */
export function answer(request: IncomingMessage, response: ServerResponse): void {
  const { url = '' } = request;
  if (url === '/small') return void response.end(SMALL);
  if (url === '/up') return count(request, response);
  if (url === '/events') return void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n');
  const down = /^\/down\/(\d+)$/.exec(url)?.[1];
  if (down === undefined) return void response.writeHead(404).end();
  response.writeHead(200, { 'content-length': down });
  pipeline(Readable.from(blocks(Number(down))), response, () => response.destroy());
}

function* blocks(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= BLOCK.length) yield left >= BLOCK.length ? BLOCK : BLOCK.subarray(0, left);
}

function count(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on('end', () => response.end(String(bytes)));
}
