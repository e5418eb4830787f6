import type { Readable } from 'node:stream';
import type { Target } from '../../activities/egress/host-name.js';
import type { HeaderList } from './exchange.js';

export type Scheme = 'http' | 'https';

export interface UpstreamRequest {
  readonly scheme: Scheme;
  readonly target: Target;
  readonly method: string;
  readonly path: string;
  /** End to end only, `host` included. */
  readonly headers: HeaderList;
  readonly body: Readable | Buffer | undefined;
  readonly trailers: () => HeaderList;
  readonly signal: AbortSignal;
  /** HTTP/2 where the other side speaks it: what has trailers and streams both ways needs it. */
  readonly preferHttp2: boolean;
}

export interface UpstreamResponse {
  readonly status: number;
  /** As they came, hop-by-hop fields included. */
  readonly headers: HeaderList;
  readonly body: Readable;
  /** Complete once the body has ended. */
  trailers(): HeaderList;
}
