import type { DeltaRecord } from '../../../infra/postgres/deltas.repo.js';
import type { Frame } from './frame.js';

/**
 * Text on its way, as frames: a start, then pieces. A newer attempt of the same event starts again under the same id, and
 * what an older attempt still says is dropped. Thinking is announced only; its text is nobody's business (wire section 3.2).
 */
export interface Preview {
  push(deltas: readonly DeltaRecord[]): Frame[];
}

export function createPreview(): Preview {
  const attempts = new Map<string, number>();
  return {
    push(deltas) {
      const frames: Frame[] = [];
      for (const delta of joinPieces(deltas)) {
        const known = attempts.get(delta.eventId) ?? Number.NEGATIVE_INFINITY;
        if (delta.attempt < known) continue;
        if (delta.attempt > known) {
          attempts.set(delta.eventId, delta.attempt);
          frames.push({ event: 'event_start', data: { type: 'event_start', event: { type: delta.eventType, id: delta.eventId } } });
        }
        if (delta.eventType === 'agent.message' && delta.text !== '') frames.push(piece(delta));
      }
      return frames;
    },
  };
}

const piece = ({ eventId, block, text }: DeltaRecord): Frame => ({
  event: 'event_delta',
  data: { type: 'event_delta', event_id: eventId, delta: { type: 'content_delta', index: block, content: { type: 'text', text } } },
});

/** Neighbouring pieces of one block become one. */
function joinPieces(deltas: readonly DeltaRecord[]): DeltaRecord[] {
  const joined: DeltaRecord[] = [];
  for (const delta of deltas) {
    const last = joined.at(-1);
    if (last && last.eventId === delta.eventId && last.attempt === delta.attempt && last.block === delta.block) {
      joined[joined.length - 1] = { ...last, text: last.text + delta.text };
    } else joined.push(delta);
  }
  return joined;
}
