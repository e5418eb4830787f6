import { stripVTControlCharacters } from 'node:util';

/** Text without what a terminal would obey: whoever wrote it may have meant the person who watches. */
export const printable = (text: string): string =>
  stripVTControlCharacters(text).replace(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => ('\n\t'.includes(character) ? character : ''));
