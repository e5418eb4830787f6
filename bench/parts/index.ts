import type { Part } from '../part.js';
import { firstRequest } from './a-first-request.js';

/** Every part, in the order they run. */
export const PARTS: readonly Part[] = [firstRequest];
