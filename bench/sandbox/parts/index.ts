import type { Part } from '../../part.js';
import type { Ground } from '../ground.js';
import { burst } from './burst.js';
import { calls } from './calls.js';
import { checkpoint } from './checkpoint.js';
import { cold } from './cold.js';
import { egress } from './egress.js';
import { memory } from './memory.js';
import { warm } from './warm.js';

/** Every part, in the order they run: the first finds no sandbox that is ready. */
export const PARTS: readonly Part<Ground>[] = [cold, warm, calls, burst, memory, checkpoint, egress];
