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
const sourceObject = z.strictObject({ type: sourceWord });

const namedTools = z
  .array(z.strictObject({ type: z.literal('tool_reference'), name: z.string().min(1).max(128) }))
  .min(1)
  .max(128)
  .refine((tools) => new Set(tools.map(({ name }) => name)).size === tools.length, 'must name each tool once');

const toolFilter = z.union([sourceWord, sourceObject, z.strictObject({ type: z.enum(['only', 'except']), tools: namedTools })]);

/** Which URLs of the conversation `web_fetch` may fetch, as a caller writes it; an absent key allows every URL of that source. */
const UrlSourcesInput = z
  .strictObject({
    user_input: z.union([sourceWord, sourceObject]).nullish(),
    client_tool_results: toolFilter.nullish(),
    server_tool_results: toolFilter.nullish(),
  })
  .refine(
    (sources) => Object.values(sources).filter((source) => (typeof source === 'string' ? source : source?.type) === 'none').length < 3,
    'must leave at least one source; disable the tool to fetch nothing',
  );

const UserLocation = z.strictObject({
  type: z.literal('approximate'),
  city: z.string().max(255).nullish(),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, 'must be a country code of two capital letters')
    .nullish(),
  region: z.string().max(255).nullish(),
  timezone: z.string().max(255).nullish(),
});

/** The settings `web_fetch` has beyond those of every tool (wire section 1). */
export const webFetchSettings = {
  allowed_domains: plainDomains.optional(),
  blocked_domains: plainDomains.optional(),
  max_content_tokens: z.int().min(1).max(10_000_000).nullish(),
  url_sources: UrlSourcesInput.nullish(),
};

/** The settings `web_search` has beyond those of every tool (wire section 1). */
export const webSearchSettings = {
  allowed_domains: domainsWithPath.optional(),
  blocked_domains: domainsWithPath.optional(),
  user_location: UserLocation.nullish(),
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
