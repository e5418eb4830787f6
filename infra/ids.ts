import { monotonicFactory } from 'ulid';
import { ID_PREFIXES, type IdKind } from '../workflows/contract/ids.js';

const nextUlid = monotonicFactory();

/** A new identifier, for example `sesn_01JD…`; sorts by time of creation within this process. */
export const newId = (kind: IdKind): string => `${ID_PREFIXES[kind]}_${nextUlid()}`;
