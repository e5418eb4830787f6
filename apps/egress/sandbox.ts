import type { Socket } from 'node:net';
import type { Meter } from '../../activities/egress/meter.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import type { Upstream } from './upstream.js';

/** One sandbox, known by the socket its connections come from. */
export interface Sandbox extends SessionRef {
  /** A higher one is a newer sandbox of the session. */
  readonly generation: number;
  readonly upstream: Upstream;
  /** What the session has used; read from its audit when it is first asked for. */
  meter(): Promise<Meter>;
  /** How many requests wait for people now; idle connections are kept meanwhile. */
  held: number;
  /** How many requests are going on. */
  going: number;
  /** Open connections of the sandbox. */
  readonly connections: Set<Socket>;
}
