/* oxlint-disable no-control-regex -- they are what is looked for */

/** Masks known secrets; `settled` says up to where a text can be masked by itself when more of it is to come. */
export interface StreamRedactor {
  (text: string): string;
  settled(text: string): number;
}

/** The beginning of an output that can be shown, and how much of it that is. */
export interface Cleaned {
  readonly text: string;
  /** Code units of the output that `text` stands for; the rest is to be given again, with what comes after it. */
  readonly length: number;
}

/** Control sequences of terminals (ECMA-48): titles and other strings, cursor and colours, and the shorter ones. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const SEQUENCE = /\x1b(?:[PX\]^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)|\[[0-?]*[ -/]*[@-~]|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])|\x9b[0-?]*[ -/]*[@-~]|[\x1b\x9b]/g;
/** One that may go on behind the end. A string that never ends is not waited for. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNFINISHED = /(?:\x1b(?:[PX\]^_][^\x07\x1b\x9c]{0,1000}\x1b?|\[[0-?]{0,100}[ -/]{0,10}|[ -/]{0,10})|\x9b[0-?]{0,100}[ -/]{0,10}|[\ud800-\udbff])$/;
const LONGEST_UNFINISHED = 1_100;

/**
 * What of an output, of which more is to come, can be shown now. Nothing is cut through: no control sequence, no
 * character and no known secret, also one that control sequences are scattered in.
 */
export function cleanOutput(output: string, redact: StreamRedactor): Cleaned {
  const lookedAt = Math.max(0, output.length - LONGEST_UNFINISHED);
  const unfinished = UNFINISHED.exec(output.slice(lookedAt));
  const whole = unfinished ? lookedAt + unfinished.index : output.length;
  /** Where each visible part begins: in what is visible, and in the output. */
  const parts: { readonly visible: number; readonly at: number }[] = [{ visible: 0, at: 0 }];
  let visible = '';
  let end = 0;
  for (const sequence of output.slice(0, whole).matchAll(SEQUENCE)) {
    visible += output.slice(end, sequence.index);
    end = sequence.index + sequence[0].length;
    parts.push({ visible: visible.length, at: end });
  }
  visible += output.slice(end, whole);
  const settled = redact.settled(visible);
  const text = redact(visible.slice(0, settled));
  if (settled === visible.length) return { text, length: whole };
  const part = parts.findLast((one) => one.visible <= settled) ?? { visible: 0, at: 0 };
  return { text, length: part.at + settled - part.visible };
}
