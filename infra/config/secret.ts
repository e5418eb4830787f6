import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/** A value that must not leak by accident: every way of printing it says `[redacted]`. `reveal` is for the one call that needs it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
