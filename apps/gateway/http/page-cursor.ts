import { z } from 'zod';
import type { Page, PageRequest, Position } from '../../../infra/postgres/page.js';
import { RondoError } from '../../../workflows/contract/errors.js';

const Cursor = z.object({
  order: z.enum(['asc', 'desc']),
  to: z.enum(['next', 'prev']),
  at: z.int().min(0),
  id: z.string().regex(/^[a-z]+_[0-9A-Za-z]{1,40}$/),
});

export const badCursor = (): RondoError =>
  new RondoError(
    'request.invalid',
    'page: is not a cursor of this list; send a next_page or prev_page value as it was answered, with the same order and time filter.',
  );

/** Cursors are opaque to clients: base64url of JSON. */
export const encodeCursor = (cursor: unknown): string => Buffer.from(JSON.stringify(cursor)).toString('base64url');

export function decodeCursor<T>(schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
  } catch (cause) {
    throw Object.assign(badCursor(), { cause });
  }
}

interface ListQuery {
  readonly limit: number;
  readonly page?: string | undefined;
  readonly order: 'asc' | 'desc';
  readonly created_at?: { gt?: Date | undefined; gte?: Date | undefined; lt?: Date | undefined; lte?: Date | undefined } | undefined;
}

/** One list request, with the way back: a page before a position is read in the opposite order and turned round. */
export function readPage(query: ListQuery): { readonly request: PageRequest; readonly toWire: <T, W>(page: Page<T>, map: (item: T) => W) => TwoWayPage<W> } {
  const cursor = query.page === undefined ? undefined : decodeCursor(Cursor, query.page);
  if (cursor && (cursor.order !== query.order || !withinRange(cursor.at, query.created_at))) throw badCursor();
  const backwards = cursor?.to === 'prev';
  const opposite = query.order === 'asc' ? 'desc' : 'asc';
  return {
    request: { order: backwards ? opposite : query.order, limit: query.limit, after: cursor && { at: cursor.at, id: cursor.id } },
    toWire: (page, map) => {
      const items = backwards ? [...page.items].reverse() : page.items;
      const link = (to: 'next' | 'prev', position: Position | undefined) => position && encodeCursor({ order: query.order, to, ...position });
      const hasNext = backwards || page.more;
      const hasPrev = cursor !== undefined && (!backwards || page.more);
      return {
        data: items.map(map),
        next_page: (hasNext && link('next', items.at(-1)?.position)) || null,
        prev_page: (hasPrev && link('prev', items[0]?.position)) || null,
      };
    },
  };
}

export interface TwoWayPage<W> {
  readonly data: readonly W[];
  readonly next_page: string | null;
  readonly prev_page: string | null;
}

/** The wire's plain list has no way back. */
export const oneWay = <W>({ data, next_page }: TwoWayPage<W>): { readonly data: readonly W[]; readonly next_page: string | null } => ({ data, next_page });

function withinRange(micros: number, range: ListQuery['created_at']): boolean {
  const at = micros / 1_000;
  const { gt, gte, lt, lte } = range ?? {};
  return !(gt && at <= gt.getTime()) && !(gte && at < gte.getTime()) && !(lt && at >= lt.getTime()) && !(lte && at > lte.getTime());
}
