import { z } from 'zod';

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const HOST_NAME = `(?=[^/]{1,253}(?:/|$))${LABEL}(?:\\.${LABEL})*`;

const domains = (pattern: RegExp, accepted: string) =>
  z.array(z.string().max(1_024).regex(pattern, accepted)).min(1, 'must name 1 to 64 domains; leave it out to name none').max(64);

const plainDomains = domains(new RegExp(`^${HOST_NAME}$`), 'must be a plain host name such as docs.example.com, without scheme, port or path');
const domainsWithPath = domains(
  new RegExp(`^${HOST_NAME}(?:/[^\\s?#]*)?$`),
  'must be a host name such as docs.example.com, optionally with a path, without scheme or port',
);

const sourceWord = z.enum(['all', 'none']);
const sourceObject = z.strictObject({ type: sourceWord.describe('The same as the bare word.') });

const namedTools = z
  .array(
    z.strictObject({
      type: z.literal('tool_reference'),
      name: z.string().min(1).max(128).describe('A custom tool of the agent for client_tool_results, web_search or web_fetch for server_tool_results.'),
    }),
  )
  .min(1)
  .max(128)
  .refine((tools) => new Set(tools.map(({ name }) => name)).size === tools.length, 'must name each tool once')
  .describe('Tools, each named once.');

const toolFilter = z.union([
  sourceWord,
  sourceObject,
  z.strictObject({ type: z.enum(['only', 'except']).describe('Whether these tools are the source, or all others.'), tools: namedTools }),
]);

/** Which URLs of the conversation `web_fetch` may fetch, as a caller writes it; an absent key allows every URL of that source. */
const UrlSourcesInput = z
  .strictObject({
    user_input: z.union([sourceWord, sourceObject]).nullish().describe('The text of user messages; all where it is not given.'),
    client_tool_results: toolFilter.nullish().describe('Results of custom tools; all where it is not given.'),
    server_tool_results: toolFilter.nullish().describe('Results of web_search and web_fetch; all where it is not given.'),
  })
  .refine(
    (sources) => Object.values(sources).filter((source) => (typeof source === 'string' ? source : source?.type) === 'none').length < 3,
    'must leave at least one source; disable the tool to fetch nothing',
  );

const UserLocation = z.strictObject({
  type: z.literal('approximate'),
  city: z.string().max(255).nullish().describe('Name of a city.'),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, 'must be a country code of two capital letters')
    .nullish()
    .describe('Code of a country, two capital letters.'),
  region: z.string().max(255).nullish().describe('Name of a state or region.'),
  timezone: z.string().max(255).nullish().describe('Name of a time zone, such as Europe/Berlin.'),
});

/** The settings `web_fetch` has beyond those of every tool (wire section 1). */
export const webFetchSettings = {
  allowed_domains: plainDomains.optional().describe('Only these hosts and everything below them, also after redirects; not together with blocked_domains.'),
  blocked_domains: plainDomains.optional().describe('Neither these hosts nor anything below them, also after redirects.'),
  max_content_tokens: z.int().min(1).max(10_000_000).nullish().describe('Most tokens of text that one call brings into the context, at four characters each.'),
  url_sources: UrlSourcesInput.nullish().describe('Where an address must have appeared to be fetched; where it is not given, nowhere.'),
};

/** The settings `web_search` has beyond those of every tool (wire section 1). */
export const webSearchSettings = {
  allowed_domains: domainsWithPath
    .optional()
    .describe('Only results of these hosts and everything below them, optionally below a path; not together with blocked_domains.'),
  blocked_domains: domainsWithPath.optional().describe('No results of these hosts or anything below them, optionally below a path.'),
  user_location: UserLocation.nullish().describe('Stored and answered; searches do not use it yet.'),
};

export type UrlSourcesInput = z.infer<typeof UrlSourcesInput>;
export type UserLocation = z.infer<typeof UserLocation>;

/** Which tools' results may name URLs to fetch; always the object form. */
export type UrlSource =
  | { readonly type: 'all' | 'none' }
  | { readonly type: 'only' | 'except'; readonly tools: readonly { readonly type: 'tool_reference'; readonly name: string }[] };

/** As answered: a key that is null allows every URL of that source. */
export interface UrlSources {
  readonly user_input: UrlSource | null;
  readonly client_tool_results: UrlSource | null;
  readonly server_tool_results: UrlSource | null;
}

/** Hosts as given; an entry means the host itself and everything below it. At most one of the two lists is there. */
interface DomainRules {
  readonly allowed_domains?: readonly string[];
  readonly blocked_domains?: readonly string[];
}

export interface WebFetchSettings extends DomainRules {
  /** Most tokens of text that one call brings into the context. */
  readonly max_content_tokens?: number | null;
  /** Null allows every source. */
  readonly url_sources: UrlSources | null;
}

/** Domains of `web_search` may end in a path. */
export interface WebSearchSettings extends DomainRules {
  readonly user_location?: UserLocation | null;
}
