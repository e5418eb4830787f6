import type { Part } from '../part.js';
import type { Stack } from '../stack.js';
import { firstRequest } from './a-first-request.js';
import { stepOverhead } from './b-step-overhead.js';
import { inProcess } from './c-in-process.js';
import { sandboxes } from './d-sandboxes.js';
import { concurrency } from './e-concurrency.js';
import { idleSessions } from './f-idle-sessions.js';
import { streamLag } from './g-stream-lag.js';
import { recovery } from './h-recovery.js';
import { stopping } from './i-stopping.js';
import { history } from './j-history.js';
import { sessionCreate } from './k-session-create.js';
import { sessionList } from './l-session-list.js';
import { eventList } from './m-event-list.js';

/** Every part, in the order they run. */
export const PARTS: readonly Part<Stack>[] = [
  firstRequest,
  stepOverhead,
  inProcess,
  sandboxes,
  concurrency,
  idleSessions,
  streamLag,
  recovery,
  stopping,
  history,
  sessionCreate,
  sessionList,
  eventList,
];
