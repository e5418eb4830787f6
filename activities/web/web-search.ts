import { z } from 'zod';
import { RondoError } from '../../workflows/contract/errors.js';
import type { WebSearchSettings } from '../../workflows/contract/schema/web-tools.js';
import type { Traffic } from '../egress/traffic.port.js';
import { type DomainRules, passesRules } from './domain-rules.js';
import type { SearchHit, SearchPort } from './search.port.js';
import type { WebAnswer } from './web-fetch.js';

export const WebSearchInput = z.object({ query: z.string().min(1).max(2_000).describe('What to look for, in the words of a search engine.') });

export type WebSearch = (
  input: unknown,
  context: { readonly settings: WebSearchSettings | undefined; readonly traffic: Traffic },
  signal: AbortSignal,
) => Promise<WebAnswer>;

const MOST_HITS = 10;
const LONGEST_SNIPPET = 2_000;
/** Allowed domains that are put into the query too; engines take only so many terms. */
const MOST_SITES = 8;

/** Searches the web. Only an abort of the signal throws; whatever else goes wrong is told to the model. */
export const createWebSearch =
  ({ search }: { readonly search: SearchPort }): WebSearch =>
  async (input, { settings = {}, traffic }, signal) => {
    const parsed = WebSearchInput.safeParse(input);
    if (!parsed.success) return { ...said('web_search needs a query, for example {"query": "temporal workflow versioning"}.'), isError: true, requests: 0 };
    try {
      const hits = await search.search(withSites(parsed.data.query, settings), { traffic, signal });
      const shown = hits.filter(({ url }) => passesRules(new URL(url), settings)).slice(0, MOST_HITS);
      return { ...(shown.length > 0 ? { content: shown.map(toBlock) } : said('No results.')), isError: false, requests: 1 };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RondoError) return { ...said(`The search failed. ${error.message}`), isError: true, requests: 1 };
      throw error;
    }
  };

const said = (text: string): Pick<WebAnswer, 'content'> => ({ content: [{ type: 'text', text }] });

/** The rules are applied to what comes back; saying the allowed domains to the engine makes something come back. */
function withSites(query: string, { allowed_domains: sites = [] }: DomainRules): string {
  if (sites.length === 0 || sites.length > MOST_SITES) return query;
  const terms = sites.map((site) => `site:${site}`).join(' OR ');
  return sites.length === 1 ? `${query} ${terms}` : `${query} (${terms})`;
}

const toBlock = ({ url, title, snippet }: SearchHit): WebAnswer['content'][number] => ({
  type: 'search_result',
  source: url,
  title: title || url,
  content: [{ type: 'text', text: snippet.slice(0, LONGEST_SNIPPET) || title || url }],
});
