import type { ResultBlock } from '../../workflows/contract/schema/content.js';

/** Characters of text in one result, about a hundred thousand tokens. What is in the log is sent to the model at every step. */
const LONGEST_RESULT = 400_000;
/** What stands in the place of a longer one. */
const PREVIEW = 8_000;

/** Puts a text where the model's tools can read it, and answers its path; undefined where the session has no such place. */
export type KeepText = (text: string) => Promise<string | undefined>;

/** A result within the limit: a longer text goes into a file and is replaced by its beginning and the file's path, or is cut. */
export async function limitResult(content: readonly ResultBlock[], keep: KeepText): Promise<readonly ResultBlock[]> {
  const text = content.map(textOf).filter(Boolean).join('\n\n');
  if (text.length <= LONGEST_RESULT) return content;
  const media = content.filter((block) => textOf(block) === '');
  const path = await keep(text);
  const shown = path === undefined ? LONGEST_RESULT : PREVIEW;
  const notice =
    path === undefined
      ? `[The result has ${text.length} characters; only the first ${shown} are shown, the rest is lost. Ask for less.]`
      : `[The result has ${text.length} characters. All of it is in ${path}; these are the first ${shown}.]`;
  return [{ type: 'text', text: `${notice}\n\n${text.slice(0, shown)}` }, ...media];
}

function textOf(block: ResultBlock): string {
  switch (block.type) {
    case 'text':
      return block.text;
    case 'search_result':
      return [block.title, block.source, ...block.content.map(({ text }) => text)].join('\n');
    case 'document':
      return block.source.type === 'text' ? [block.title, block.source.data].filter(Boolean).join('\n') : '';
    case 'image':
      return '';
  }
}
