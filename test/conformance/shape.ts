import { expect } from 'vitest';

type JsonKind<V> = V extends string
  ? 'string'
  : V extends number
    ? 'number'
    : V extends boolean
      ? 'boolean'
      : V extends readonly unknown[]
        ? 'array'
        : V extends object
          ? 'object'
          : never;

type KindOf<V> = `${JsonKind<NonNullable<V>>}${null extends V ? '|null' : ''}`;
type FieldOf<T, K extends keyof T> = K extends 'type'
  ? `=${NonNullable<T[K]> & string}`
  : Record<string, never> extends Pick<T, K>
    ? `${KindOf<Exclude<T[K], undefined>>}?`
    : KindOf<T[K]>;

/**
 * What an answer must look like, held to the SDK's type by the compiler: a field the type has and this lacks, or the other way
 * round, or of another kind, does not compile. `?` marks what may be missing, `=` a constant.
 */
export type Shape<T> = { readonly [K in keyof T as K extends `_${string}` ? never : K]-?: FieldOf<T, K> };

/** Fails unless every field of the shape is in the answer, with the right JSON type. More fields are allowed. */
export function expectShape<T extends object>(answer: T, shape: Shape<T>): void {
  const values = answer as Readonly<Record<string, unknown>>;
  const wrong = Object.entries<string>(shape).flatMap(([field, wanted]) => {
    const value = values[field];
    if (wanted.startsWith('=')) return value === wanted.slice(1) ? [] : [`${field} is ${JSON.stringify(value)}, not ${JSON.stringify(wanted.slice(1))}`];
    const kinds = wanted.replace('?', '').split('|');
    if (value === undefined) return wanted.endsWith('?') ? [] : [`${field} is missing`];
    return kinds.includes(kindOf(value)) ? [] : [`${field} is ${kindOf(value)}, not ${kinds.join(' or ')}`];
  });
  expect(wrong, `the answer ${JSON.stringify(answer)}`).toEqual([]);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** Fails unless a string is a moment as the wire writes it. */
export function expectMoment(value: string | null | undefined): void {
  expect(value).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
}
