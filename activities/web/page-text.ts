import { convert } from 'html-to-text';

/** Characters of HTML that are read; a page's text is in front of that. */
const LONGEST_HTML = 2_000_000;

export interface PageText {
  readonly title: string;
  readonly text: string;
}

/** The text of an HTML page, links as absolute addresses in brackets behind their words. Bounded in size and depth. */
export function pageText(html: string, url: URL): PageText {
  const bounded = html.slice(0, LONGEST_HTML);
  const absolute = (address: string) => URL.parse(address, url.href)?.href ?? address;
  const text = convert(bounded, {
    wordwrap: false,
    limits: { maxInputLength: LONGEST_HTML, maxDepth: 200, maxChildNodes: 100_000, ellipsis: '…' },
    selectors: [
      { selector: 'a', options: { pathRewrite: absolute, ignoreHref: false, hideLinkHrefIfSameAsText: true, noAnchorUrl: true } },
      { selector: 'img', format: 'skip' },
      { selector: 'script', format: 'skip' },
      { selector: 'style', format: 'skip' },
      { selector: 'noscript', format: 'skip' },
      { selector: 'svg', format: 'skip' },
    ],
  });
  const title = /<title[^>]*>([^<]{1,500})/i.exec(bounded.slice(0, 100_000))?.[1] ?? '';
  return { title: convert(title, { wordwrap: false }).replace(/\s+/g, ' ').trim(), text };
}
