export interface SearchHit {
  readonly url: string;
  readonly title: string;
  readonly snippet: string;
}

/** A search engine. Errors: `address.unreachable` and others of the guarded fetch; an abort of `signal` throws its reason. */
export interface SearchPort {
  search(query: string, options: { readonly signal: AbortSignal }): Promise<readonly SearchHit[]>;
}
