import type { StoredEvent } from '../../workflows/contract/records.js';
import type { UrlSource, UrlSources } from '../../workflows/contract/schema/web-tools.js';

/**
 * Whether `web_fetch` may read a URL: without `url_sources` any; with it only one that stands, letter by letter but for its
 * fragment, in a source that is not closed. Sources are the text of user messages, the results of custom tools, and the
 * results of `web_search` and `web_fetch`. What the sandbox, an MCP server or the model itself says is none. Pure.
 */
export function isFromSource(url: URL, sources: UrlSources | null | undefined, events: readonly StoredEvent[]): boolean {
  if (!sources) return true;
  const wanted = withoutFragment(url);
  const names = new Map(events.filter(({ type }) => type.endsWith('tool_use')).map(({ id, body }) => [id, String(body['name'])]));
  return events.some((event) => isOpen(event, sources, names) && textsIn(event.body['content']).some((text) => mentions(text, wanted)));
}

function isOpen({ type, body }: StoredEvent, sources: UrlSources, names: ReadonlyMap<string, string>): boolean {
  switch (type) {
    case 'user.message':
      return sources.user_input?.type !== 'none';
    case 'user.custom_tool_result':
      return lets(sources.client_tool_results, names.get(String(body['custom_tool_use_id'])));
    case 'agent.tool_result': {
      const name = names.get(String(body['tool_use_id']));
      return (name === 'web_search' || name === 'web_fetch') && body['is_error'] !== true && lets(sources.server_tool_results, name);
    }
    default:
      return false;
  }
}

function lets(source: UrlSource | null, name: string | undefined): boolean {
  if (!source) return true;
  if (!('tools' in source)) return source.type === 'all';
  if (name === undefined) return false;
  return source.tools.some((tool) => tool.name === name) === (source.type === 'only');
}

/** Every text of a content, wherever it is nested; data of images and files is no text. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value !== 'object' || value === null) return [];
  if ('type' in value && value.type === 'base64') return [];
  return Object.values(value).flatMap(textsIn);
}

const ADDRESS = /https?:\/\/[^\s<>"'`\\^]+/gi;
const CLOSING = /[)\]}|]/g;

const mentions = (text: string, wanted: string): boolean =>
  (text.match(ADDRESS) ?? []).some((found) => readings(found).some((form) => wanted === normal(form)));

/** An address in running text may end before a bracket or a full stop that belongs to the sentence. */
function readings(found: string): string[] {
  const ends = [...found.matchAll(CLOSING)].slice(0, 16).map(({ index }) => found.slice(0, index));
  return [found, ...ends].flatMap((form) => [form, form.replace(/[.,;:!?]+$/, '')]);
}

const normal = (text: string): string | undefined => {
  const url = URL.parse(text);
  return url ? withoutFragment(url) : undefined;
};

const withoutFragment = (url: URL): string => {
  const copy = new URL(url);
  copy.hash = '';
  return copy.href;
};
