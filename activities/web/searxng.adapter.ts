import { z } from 'zod';
import { RondoError } from '../../workflows/contract/errors.js';
import type { GuardedFetch } from './guarded-fetch.js';
import type { SearchPort } from './search.port.js';

const TIMEOUT_MS = 20_000;
/** The key is a setting and has no id of its own. */
const SEARCH_KEY = 'RONDO_SEARCH_KEY';

const Hit = z.looseObject({ url: z.url({ protocol: /^https?$/ }).max(4_096), title: z.string().nullish(), content: z.string().nullish() });
const Answer = z.looseObject({ results: z.array(z.unknown()) });

/** A SearXNG instance, or whatever answers `GET /search?q=…&format=json` the same way. */
export function createSearxngSearch(options: { readonly url: string; readonly key: string | undefined; readonly guardedFetch: GuardedFetch }): SearchPort {
  return {
    async search(query, { traffic, signal }) {
      const url = new URL(`${options.url}/search`);
      url.search = new URLSearchParams({ q: query, format: 'json' }).toString();
      const { response } = await options.guardedFetch(url, {
        headers: { accept: 'application/json' },
        ...(options.key === undefined ? {} : { credentials: { authorization: `Bearer ${options.key}` } }),
        credentialIds: [SEARCH_KEY],
        traffic,
        signal,
        timeoutMs: TIMEOUT_MS,
      });
      const answer = response.ok ? Answer.safeParse(await response.json().catch(() => undefined)) : undefined;
      if (!answer?.success) {
        throw new RondoError(
          'address.unreachable',
          `The search endpoint gave no usable answer (HTTP status ${response.status}); its JSON format may be switched off.`,
        );
      }
      return answer.data.results.flatMap((result) => {
        const hit = Hit.safeParse(result);
        return hit.success ? [{ url: hit.data.url, title: hit.data.title ?? '', snippet: hit.data.content ?? '' }] : [];
      });
    },
  };
}
