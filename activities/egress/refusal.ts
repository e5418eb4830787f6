/** Why a request is not carried out; shown to whoever asked and written to the audit. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  /** HTTP status, as a program in a sandbox gets it. */
  readonly status: number;
  /** The rule, for the audit. */
  readonly rule: string;

  /** The audit has a line about it already, and gets no more of them. */
  readonly isRepeated: boolean;

  constructor(status: number, rule: string, message: string, isRepeated = false) {
    super(message);
    this.status = status;
    this.rule = rule;
    this.isRepeated = isRepeated;
  }
}
