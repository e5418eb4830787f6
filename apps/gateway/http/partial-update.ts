import { RondoError } from '../../../workflows/contract/errors.js';

/** The wire's tri-state update (section 0.7): an absent field stays, null clears it, a value replaces it. */
export const updated = <T>(given: T | null | undefined, stored: T, cleared: T): T => (given === undefined ? stored : (given ?? cleared));

export type Metadata = Readonly<Record<string, string>>;

const MOST_ENTRIES = 16;

/**
 * The wire's metadata patch (section 0.7): a string sets a key, null deletes it, absent keys stay. With `emptyDeletes` an
 * empty string deletes, too, as environments have it. Errors: `request.invalid` when the result has more than 16 entries.
 */
export function applyMetadataPatch(
  stored: Metadata,
  patch: Readonly<Record<string, string | null>> | null | undefined,
  options: { readonly emptyDeletes?: boolean } = {},
): Metadata {
  const entries = new Map(Object.entries(stored));
  for (const [key, value] of Object.entries(patch ?? {})) {
    if (value === null || (value === '' && options.emptyDeletes)) entries.delete(key);
    else entries.set(key, value);
  }
  if (entries.size <= MOST_ENTRIES) return Object.fromEntries(entries);
  throw new RondoError(
    'request.invalid',
    `metadata: the patch would leave ${entries.size} entries; at most ${MOST_ENTRIES} are kept. Delete keys with null in the same patch.`,
    { details: { error_code: 'invalid_metadata' } },
  );
}
