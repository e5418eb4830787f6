/** Why a request is not carried out; shown to the program in the sandbox and written to the audit. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  /** The rule, for the audit. */
  readonly rule: string;

  constructor(status: number, rule: string, message: string) {
    super(message);
    this.status = status;
    this.rule = rule;
  }
}

export const malformed = (what: string): Refusal => new Refusal(400, `malformed: ${what}`, `Rondo does not pass this request on: ${what}.`);

/** The same as a whole HTTP/1.1 answer, for connections that end with it. */
export function refusalBytes({ status, message }: Refusal): string {
  const body = `${message}\n`;
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Refused'}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  408: 'Request Timeout',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};
