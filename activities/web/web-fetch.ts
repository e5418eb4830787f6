import { z } from 'zod';
import { RondoError } from '../../workflows/contract/errors.js';
import type { StoredEvent } from '../../workflows/contract/records.js';
import type { ResultBlock } from '../../workflows/contract/schema/content.js';
import type { WebFetchSettings } from '../../workflows/contract/schema/web-tools.js';
import type { Traffic } from '../egress/traffic.port.js';
import { toMediaBlock } from '../tools/media-block.js';
import { decodeText, isPlainText, parseContentType } from './body-text.js';
import { passesRules } from './domain-rules.js';
import type { GuardedFetch } from './guarded-fetch.js';
import { pageText } from './page-text.js';
import { isFromSource } from './url-sources.js';

export const WebFetchInput = z.object({ url: z.string().min(1).max(4_096).describe('A complete address, beginning with http:// or https://.') });

/** What a tool of the web answers. `requests` left the machine, whatever came back. */
export interface WebAnswer {
  readonly content: ResultBlock[];
  readonly isError: boolean;
  readonly requests: number;
}

export type WebFetch = (
  input: unknown,
  context: { readonly settings: WebFetchSettings | undefined; readonly events: readonly StoredEvent[]; readonly traffic: Traffic },
  signal: AbortSignal,
) => Promise<WebAnswer>;

const TIMEOUT_MS = 30_000;
/** The usual rule of thumb. */
const CHARACTERS_PER_TOKEN = 4;
/** Characters of one page; a result longer than the log takes is put into a file by whoever runs the call. */
const LONGEST_PAGE = 10_000_000;
/** Characters of an error page that are shown. */
const ERROR_PAGE = 2_000;

/** Reads one page or file from the web. Only an abort of the signal throws; whatever else goes wrong is told to the model. */
export const createWebFetch =
  ({ guardedFetch }: { readonly guardedFetch: GuardedFetch }): WebFetch =>
  async (input, { settings, events, traffic }, signal) => {
    const url = URL.parse(WebFetchInput.safeParse(input).data?.url ?? '');
    if (!url) return refusal('web_fetch needs a complete url, for example {"url": "https://example.org/page"}.');
    if (!isFromSource(url, settings?.url_sources, events)) {
      return refusal(`${url.href} may not be fetched: this agent reads only addresses that the conversation's allowed sources (url_sources) have named.`);
    }
    let hops = 0;
    const check = (hop: URL) => {
      if (settings && !passesRules(hop, settings))
        throw new RondoError('request.forbidden', `The domain rules of this agent do not let ${JSON.stringify(hop.host)} be fetched.`);
      hops += 1;
    };
    try {
      const { response, url: found } = await guardedFetch(url, { headers: { accept: ACCEPT }, check, signal, timeoutMs: TIMEOUT_MS, traffic });
      const bytes = new Uint8Array(await response.arrayBuffer());
      return { ...(await show(response, bytes, found, settings?.max_content_tokens ?? undefined)), requests: 1 };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RondoError)) throw error;
      // A refused address was not asked; what redirected to it was.
      const asked = NOT_ASKED.has(error.code) ? hops - 1 : hops;
      return { ...refusal(error.message), requests: Math.min(1, Math.max(0, asked)) };
    }
  };

const NOT_ASKED: ReadonlySet<string> = new Set(['address.refused', 'request.rate_limited', 'service.unavailable']);

const ACCEPT = 'text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.9,application/pdf;q=0.8,image/*;q=0.7,*/*;q=0.1';

const refusal = (text: string): WebAnswer => ({ ...said(text, true), requests: 0 });

async function show(response: Response, bytes: Uint8Array, url: URL, maxTokens: number | undefined): Promise<Omit<WebAnswer, 'requests'>> {
  const { mediaType, charset } = parseContentType(response.headers.get('content-type'));
  const isError = !response.ok;
  const heading = [`Address: ${url.href}`, ...(isError ? [`HTTP status: ${response.status}`] : [])];
  const isHtml = mediaType === 'text/html' || mediaType === 'application/xhtml+xml';
  if (isHtml || isPlainText(mediaType) || (mediaType === '' && !bytes.includes(0))) {
    const source = decodeText(bytes, charset);
    const page = isHtml ? await pageText(source, url) : { title: '', text: source };
    if (!page) return said(`${url.href} is a page that could not be turned into text in time.`, true);
    const limit = Math.min(isError ? ERROR_PAGE : LONGEST_PAGE, (maxTokens ?? LONGEST_PAGE) * CHARACTERS_PER_TOKEN);
    return said([...heading, ...(page.title ? [`Title: ${page.title}`] : []), '', cut(page.text, limit)].join('\n'), isError);
  }
  const media = isError ? undefined : toMediaBlock(bytes);
  if (media) return { content: [{ type: 'text', text: heading.join('\n') }, media], isError };
  const what = isError ? `HTTP status ${response.status}` : `${JSON.stringify(mediaType || 'no media type')}, ${bytes.byteLength} bytes`;
  return said(`${url.href} answered with ${what}. web_fetch shows HTML, text, JSON and XML, and images and PDFs of up to 3.75 MB.`, true);
}

const said = (text: string, isError: boolean): Omit<WebAnswer, 'requests'> => ({ content: [{ type: 'text', text }], isError });

const cut = (text: string, limit: number): string =>
  text.length <= limit ? text : `${text.slice(0, limit)}\n\n[Cut here: the whole has ${text.length} characters.]`;
