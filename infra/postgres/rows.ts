/** The row of a statement that always returns one. */
export function only<T>(rows: readonly T[]): T {
  const row = rows[0];
  if (row === undefined) throw new Error('The statement returned no row where it must return one.');
  return row;
}
