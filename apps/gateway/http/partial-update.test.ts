import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyMetadataPatch, updated } from './partial-update.js';

/** Few keys, so that patches meet stored entries; names that objects treat specially are among them. */
const key = fc.constantFrom('a', 'b', 'c', 'd', '__proto__', 'constructor', 'toString', 'ü');
const value = fc.string({ maxLength: 4 });
const record = <T>(item: fc.Arbitrary<T>) =>
  fc.uniqueArray(fc.tuple(key, item), { selector: ([name]) => name, maxLength: 8 }).map((entries) => Object.fromEntries(entries) as Record<string, T>);

describe('a metadata patch', () => {
  it('sets what is a string, deletes what is null, and keeps the rest', () => {
    fc.assert(
      fc.property(record(value), record(fc.option(value)), fc.boolean(), (stored, patch, emptyDeletes) => {
        const result = applyMetadataPatch(stored, patch, { emptyDeletes });
        const deletes = (given: string | null) => given === null || (emptyDeletes && given === '');
        for (const name of new Set([...Object.keys(stored), ...Object.keys(patch), ...Object.keys(result)])) {
          const expected = Object.hasOwn(patch, name) ? (deletes(patch[name] ?? null) ? undefined : patch[name]) : stored[name];
          expect(Object.hasOwn(result, name) ? result[name] : undefined).toBe(Object.hasOwn(patch, name) || Object.hasOwn(stored, name) ? expected : undefined);
        }
      }),
    );
  });

  it('gives the same when it is applied twice, and changes neither argument', () => {
    fc.assert(
      fc.property(record(value), record(fc.option(value)), (stored, patch) => {
        const before = structuredClone({ stored, patch });
        const once = applyMetadataPatch(stored, patch);
        expect(applyMetadataPatch(once, patch)).toEqual(once);
        expect({ stored, patch }).toEqual(before);
      }),
    );
  });

  it('is refused when more than 16 entries would be left, and accepted when it deletes as many as it adds', () => {
    const full = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`k${index}`, 'v']));
    expect(() => applyMetadataPatch(full, { more: 'v' })).toThrow(
      expect.objectContaining({ code: 'request.invalid', details: { error_code: 'invalid_metadata' } }),
    );
    expect(Object.keys(applyMetadataPatch(full, { more: 'v', k0: null }))).toHaveLength(16);
  });
});

describe('an update of one field', () => {
  it('keeps what is absent, clears what is null, replaces what is given', () => {
    expect(updated<string | null>(undefined, 'stored', null)).toBe('stored');
    expect(updated<string | null>(null, 'stored', null)).toBeNull();
    expect(updated<string | null>('', 'stored', null)).toBe('');
    expect(updated<readonly number[]>([], [1], [])).toEqual([]);
  });
});
