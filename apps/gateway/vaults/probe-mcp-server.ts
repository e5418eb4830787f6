import type { GuardedFetch } from '../../../activities/web/guarded-fetch.js';
import type { Secret } from '../../../infra/config/secret.js';

/** What a server answered, cleaned of secrets and cut. The wire's shape. */
export interface ProbedResponse {
  readonly status_code: number;
  readonly content_type: string;
  readonly body: string;
  readonly body_truncated: boolean;
}

export type ProbeResult =
  | { readonly kind: 'accepted' }
  /** The server said no to the token. */
  | { readonly kind: 'rejected'; readonly method: string; readonly response: ProbedResponse }
  /** It cannot be told: no answer, another error, or no MCP server. */
  | { readonly kind: 'unclear'; readonly method: string; readonly response: ProbedResponse | null };

export interface ProbeParts {
  readonly guardedFetch: GuardedFetch;
  readonly redact: (text: string) => string;
}

/** A message of JSON-RPC; without an id it is not answered. */
interface Request {
  readonly jsonrpc: '2.0';
  readonly id?: number;
  readonly method: string;
  readonly params?: object;
}

const TIMEOUT_MS = 10_000;
const GOODBYE_MS = 2_000;
/** Characters of an answer that are read, and those that are shown. */
const LONGEST_READ = 65_536;
const LONGEST_SHOWN = 2_000;
/** How often a stream is looked through for its first message while it comes in. */
const MOST_LOOKS = 20;

const INITIALIZE: Request = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'rondo', version: '1' } },
};

/** Tries a token on an MCP server over streamable HTTP: `initialize`, then `tools/list`, which some servers are the first to guard. Never throws. */
export async function probeMcpServer({ guardedFetch, redact }: ProbeParts, url: string, token: Secret): Promise<ProbeResult> {
  const credentials = { authorization: `Bearer ${token.reveal()}` };
  const clean = (text: string): string => redact(text.replaceAll(token.reveal(), '[redacted]'));
  let sessionId: string | null = null;

  const post = async (message: Request): Promise<Response> => {
    const session = sessionId === null ? {} : { 'mcp-session-id': sessionId };
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...session };
    return (await guardedFetch(url, { method: 'POST', headers, credentials, body: JSON.stringify(message), timeoutMs: TIMEOUT_MS })).response;
  };

  /** A request that must be answered; `undefined` when it was. */
  const ask = async (message: Request): Promise<ProbeResult | undefined> => {
    const { method } = message;
    try {
      const response = await post(message);
      sessionId ??= response.headers.get('mcp-session-id');
      const text = await readAnswer(response);
      if (response.ok && isResult(text)) return undefined;
      const shown = toProbedResponse(response, clean(text));
      return response.status === 401 || response.status === 403 ? { kind: 'rejected', method, response: shown } : { kind: 'unclear', method, response: shown };
    } catch {
      return { kind: 'unclear', method, response: null };
    }
  };

  const refusal = await ask(INITIALIZE);
  if (refusal) return refusal;
  const told = await post({ jsonrpc: '2.0', method: 'notifications/initialized' }).catch(() => undefined);
  await told?.body?.cancel().catch(() => undefined);
  const result = await ask({ ...INITIALIZE, id: 2, method: 'tools/list', params: {} });
  if (sessionId !== null) {
    const headers = { 'mcp-session-id': sessionId };
    await guardedFetch(url, { method: 'DELETE', headers, credentials, timeoutMs: GOODBYE_MS }).then(
      ({ response }) => response.body?.cancel(),
      () => undefined,
    );
  }
  return result ?? { kind: 'accepted' };
}

/** The answer's text; of a stream as much as holds the first message, because a server may leave it open. */
async function readAnswer(response: Response): Promise<string> {
  if (!response.body) return '';
  const isStream = response.headers.get('content-type')?.includes('text/event-stream') ?? false;
  const decoder = new TextDecoder();
  let text = '';
  let looks = 0;
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length >= LONGEST_READ) break;
    if (isStream && text.endsWith('\n') && looks < MOST_LOOKS) {
      looks += 1;
      if (isResult(text)) break;
    }
  }
  return text;
}

/** Whether a JSON-RPC message with a result stands in the text, alone or as an event of a stream. */
const isResult = (text: string): boolean =>
  [text, ...text.split(/\r?\n\r?\n/).map((event) => event.replaceAll(/^(?!data:).*$\r?\n?/gm, '').replaceAll(/^data: ?/gm, ''))].some((each) => {
    try {
      const message: unknown = JSON.parse(each);
      return typeof message === 'object' && message !== null && 'jsonrpc' in message && 'result' in message;
    } catch {
      return false;
    }
  });

const toProbedResponse = (response: Response, text: string): ProbedResponse => ({
  status_code: response.status,
  content_type: (response.headers.get('content-type') ?? '').slice(0, 200),
  body: text.slice(0, LONGEST_SHOWN),
  body_truncated: text.length > LONGEST_SHOWN,
});
