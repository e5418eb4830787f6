import { expect } from 'vitest';

interface Item {
  readonly id: string;
}

/** Reads a list page by page as the SDK's own iteration does, and fails when an item comes twice. */
export async function readAll<T extends Item>(pages: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of pages) items.push(item);
  expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
  return items;
}

/** Fails unless paging by one finds each of these exactly once. */
export async function expectListed(pages: AsyncIterable<Item>, wanted: readonly Item[]): Promise<void> {
  const ids = (await readAll(pages)).map(({ id }) => id);
  expect(wanted.map(({ id }) => id).filter((id) => !ids.includes(id))).toEqual([]);
}
