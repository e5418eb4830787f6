import { parentPort, workerData } from 'node:worker_threads';
import { convert, type FormatCallback } from 'html-to-text';

/** What `page-text.ts` gives to this thread. */
export interface PageTextJob {
  readonly html: string;
  /** Address of the page, for its relative links. */
  readonly url: string;
}

export interface PageText {
  readonly title: string;
  readonly text: string;
}

/** A link is its words and, unless they are the same, its absolute address in brackets; only links to the web are followed. */
const link: FormatCallback = (element, walk, builder) => {
  walk(element.children ?? [], builder);
  const address = URL.parse(String(element.attribs?.['href'] ?? ''), url)?.href ?? '';
  const here = url.replace(/#.*$/, '');
  if (/^https?:/.test(address) && !address.startsWith(`${here}#`)) builder.addInline(` [${address}]`, { noWordTransform: true });
};

const cell: FormatCallback = (element, walk, builder) => {
  walk(element.children ?? [], builder);
  builder.addInline(' | ');
};

const heading = (selector: string) => ({ selector, options: { uppercase: false } });
const skipped = (selector: string) => ({ selector, format: 'skip' });

const { html, url } = workerData as PageTextJob;

const toText = (source: string): string =>
  convert(source, {
    wordwrap: false,
    limits: { maxInputLength: source.length + 1, maxDepth: 200, maxChildNodes: 100_000, ellipsis: '…' },
    formatters: { link, cell },
    selectors: [
      { selector: 'a', format: 'link' },
      { selector: 'td', format: 'cell' },
      { selector: 'th', format: 'cell' },
      { selector: 'tr', format: 'block' },
      { selector: 'table', format: 'block' },
      ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map(heading),
      ...['img', 'script', 'style', 'noscript', 'svg', 'template', 'title'].map(skipped),
    ],
  });

const title = /<title\b[^<>]*>([^<]{1,500})/i.exec(html.slice(0, 50_000))?.[1] ?? '';
const page: PageText = { title: toText(title).replace(/\s+/g, ' ').trim(), text: toText(html) };
parentPort?.postMessage(page);
