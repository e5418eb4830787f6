import type { MethodPath } from './methods.js';
import type { World } from './world.js';

/** One thing a method must do. Whatever it needs it makes itself, so that checks stand alone. */
export type Check = (world: World) => Promise<void>;

/** What a method must do, by sentences that complete "<method> …". They are what the report shows. */
export type Checks = Readonly<Record<string, Check>>;

/** Every method of some families, each with its checks. */
export type Entries = Readonly<Record<MethodPath, Checks>>;
