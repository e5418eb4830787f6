import qs from 'qs';

/** `statuses[]=a&statuses[]=b` and `created_at[gte]=…` as arrays and objects (wire section 0.2). */
export const parseQuery = (text: string): unknown => qs.parse(text, { arrayLimit: 1_000, parameterLimit: 2_000, depth: 2 });
