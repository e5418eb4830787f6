import type { SessionCarry } from '../contract/activities.js';
import { initialState, type SessionState } from './turn.js';

export interface Carried {
  readonly state: SessionState;
  readonly lines: readonly string[];
}

const SCHEMA = 1;

export const carry = ({ state, lines }: Carried): SessionCarry => ({ schema: SCHEMA, state: { state, lines } });

/** State of a run: from its predecessor, or new. Every released schema keeps its reader here. */
export function restore(handed: SessionCarry | undefined): Carried {
  if (!handed) return { state: initialState, lines: [] };
  switch (handed.schema) {
    case 1:
      return handed.state as Carried;
  }
}
