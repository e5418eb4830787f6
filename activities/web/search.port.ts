import type { Traffic } from '../egress/traffic.port.js';

export interface SearchHit {
  readonly url: string;
  readonly title: string;
  readonly snippet: string;
}

/** A search engine. Errors: `address.unreachable` and others of the guarded fetch; an abort of `signal` throws its reason. */
export interface SearchPort {
  search(query: string, options: { readonly traffic: Traffic; readonly signal: AbortSignal }): Promise<readonly SearchHit[]>;
}
