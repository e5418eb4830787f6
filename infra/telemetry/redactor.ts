import { formsOfSecret } from './secret-forms.js';

/** Shorter values would hit ordinary words. */
const SHORTEST_CONFIGURED = 6;

/** Callers choose what is learned, so it must be longer than what they could hide by it. */
const SHORTEST_LEARNED = 8;

/** What is learned is forgotten when it was not met for longest: bounds in secrets, and in characters of all together. */
const MOST_LEARNED = 1_000;
const MOST_CHARACTERS = 512 * 1_024;

/** The characters by which a form is looked for. */
const HEAD = 6;

/** The one redactor of a process: replaces every known secret, in whatever form, in foreign text before it is logged, stored or shown. */
export interface Redactor {
  (text: string): string;
  /** For a text of which more is to come: up to where it can be redacted by itself. What follows may be the beginning of a secret. */
  settled(text: string): number;
  /** Adds a secret that came into use. The newest thousand are known; meeting one again keeps it. */
  learn(secret: string): void;
}

export function createRedactor(configured: readonly string[]): Redactor {
  const forms = createFormIndex();
  const learned = new Set<string>();
  let characters = 0;
  for (const secret of configured) if (secret.length >= SHORTEST_CONFIGURED) forms.add(secret);

  const forget = (secret: string): void => {
    learned.delete(secret);
    characters -= secret.length;
    forms.remove(secret);
  };
  const learn = (secret: string): void => {
    if (secret.length < SHORTEST_LEARNED || secret.length > MOST_CHARACTERS) return;
    if (learned.delete(secret)) {
      learned.add(secret);
      return;
    }
    learned.add(secret);
    characters += secret.length;
    forms.add(secret);
    for (const oldest of learned) {
      if (learned.size <= MOST_LEARNED && characters <= MOST_CHARACTERS) break;
      forget(oldest);
    }
  };
  return Object.assign((text: string) => replaceForms(text, forms.at), { learn, settled: (text: string) => settledLength(text, forms) });
}

/** Every form by its first characters, so that the time a text takes does not grow with the number of secrets. */
function createFormIndex() {
  /** Head, then form, then how many secrets have it. */
  const heads = new Map<string, Map<string, number>>();
  /** How many forms begin with two characters like these: most places of a text are none of them. */
  const beginnings = new Uint16Array(2 ** 16);
  const beginningAt = (text: string, position: number): number => ((text.charCodeAt(position) << 8) ^ text.charCodeAt(position + 1)) & 0xffff;
  const countBeginning = (form: string, by: number): void => {
    const at = beginningAt(form, 0);
    beginnings[at] = (beginnings[at] ?? 0) + by;
  };
  const formsAt = (text: string, position: number): Iterable<string> =>
    beginnings[beginningAt(text, position)] === 0 ? [] : (heads.get(text.slice(position, position + HEAD))?.keys() ?? []);
  return {
    add(secret: string): void {
      for (const form of formsOfSecret(secret)) {
        const head = form.slice(0, HEAD);
        if (head.length < HEAD) continue;
        const sameHead = heads.get(head) ?? new Map<string, number>();
        heads.set(head, sameHead.set(form, (sameHead.get(form) ?? 0) + 1));
        countBeginning(form, 1);
      }
    },
    remove(secret: string): void {
      for (const form of formsOfSecret(secret)) {
        const head = form.slice(0, HEAD);
        const sameHead = heads.get(head);
        const count = sameHead?.get(form);
        if (!sameHead || count === undefined) continue;
        countBeginning(form, -1);
        if (count > 1) sameHead.set(form, count - 1);
        else sameHead.delete(form);
        if (sameHead.size === 0) heads.delete(head);
      }
    },
    /** Length of the longest form that stands in the text at a position; 0 for none. */
    at(text: string, position: number): number {
      let longest = 0;
      for (const form of formsAt(text, position)) {
        if (form.length > longest && text.startsWith(form, position)) longest = form.length;
      }
      return longest;
    },
    /** Whether the text from a position to its end is the beginning of a longer form. */
    mayGoOn(text: string, position: number): boolean {
      const rest = text.length - position;
      const candidates = rest < HEAD ? heads.keys() : formsAt(text, position);
      for (const candidate of candidates) if (candidate.length > rest && candidate.startsWith(text.slice(position))) return true;
      return false;
    },
  };
}

function settledLength(text: string, forms: ReturnType<typeof createFormIndex>): number {
  let position = 0;
  while (position < text.length && !forms.mayGoOn(text, position)) position += forms.at(text, position) || 1;
  return Math.min(position, text.length);
}

function replaceForms(text: string, lengthAt: (text: string, position: number) => number): string {
  let cleaned = '';
  let kept = 0;
  for (let position = 0; position + HEAD <= text.length; ) {
    const length = lengthAt(text, position);
    if (length === 0) {
      position += 1;
      continue;
    }
    cleaned += `${text.slice(kept, position)}[redacted]`;
    position += length;
    kept = position;
  }
  return kept === 0 ? text : cleaned + text.slice(kept);
}
