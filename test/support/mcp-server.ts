import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, type CallToolResult, ListToolsRequestSchema, type Tool } from '@modelcontextprotocol/sdk/types.js';
import { listenOnLoopback } from './loopback-server.js';

/** One tool of the test server. `run` may also break the connection or never answer. */
export interface TestTool {
  readonly tool: Omit<Tool, 'inputSchema'> & { readonly inputSchema?: Tool['inputSchema'] };
  run(
    input: Record<string, unknown>,
    wire: { readonly request: IncomingMessage; readonly response: ServerResponse; readonly signal: AbortSignal },
  ): Promise<CallToolResult> | CallToolResult;
}

/** A real MCP server over streamable HTTP, on loopback. What it does can be changed while it runs. */
export interface TestMcpServer {
  readonly url: string;
  readonly address: string;
  /** The tools it lists from now on. */
  offer(tools: readonly TestTool[]): void;
  /** Without this token it answers 401. */
  requireToken(token: string | undefined): void;
  /** Tools on one page of its list. */
  pageSize(size: number): void;
  /** JSON-RPC methods it was asked, in order; a call with its tool's name behind it. */
  readonly asked: string[];
  readonly authorizations: (string | undefined)[];
  close(): Promise<void>;
}

export async function startMcpServer(tools: readonly TestTool[] = [], options: { readonly json?: boolean } = {}): Promise<TestMcpServer> {
  let offered = tools;
  let token: string | undefined;
  let size = Number.POSITIVE_INFINITY;
  const asked: string[] = [];
  const authorizations: (string | undefined)[] = [];

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    authorizations.push(request.headers.authorization);
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error: `no access with ${request.headers.authorization}` }));
      return;
    }
    const { server } = new McpServer({ name: 'test', version: '1' }, { capabilities: { tools: {} } });
    server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
      const from = Number(params?.cursor ?? 0);
      const page = offered.slice(from, from + size).map(({ tool }) => ({ inputSchema: { type: 'object' as const }, ...tool }));
      return { tools: page, ...(from + size < offered.length ? { nextCursor: String(from + size) } : {}) };
    });
    server.setRequestHandler(CallToolRequestSchema, ({ params }, { signal }) => {
      const found = offered.find(({ tool }) => tool.name === params.name);
      if (!found) throw new Error(`no tool ${params.name}`);
      return found.run(params.arguments ?? {}, { request, response, signal });
    });
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: options.json ?? false } as never);
    response.once('close', () => void server.close());
    await server.connect(transport as Parameters<typeof server.connect>[0]);
    const body = await readJson(request);
    note(asked, body);
    await transport.handleRequest(request, response, body);
  };

  const http: HttpServer = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));
  const port = await listenOnLoopback(http);
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    address: `127.0.0.1:${port}`,
    offer: (next) => {
      offered = next;
    },
    requireToken: (next) => {
      token = next;
    },
    pageSize: (next) => {
      size = next;
    },
    asked,
    authorizations,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length > 0 ? (JSON.parse(Buffer.concat(chunks).toString()) as unknown) : undefined;
}

function note(asked: string[], body: unknown): void {
  const { method, params } = (body ?? {}) as { method?: string; params?: { name?: string } };
  if (method) asked.push(method === 'tools/call' ? `${method} ${params?.name}` : method);
}

/** A tool that answers with a text. */
export const textTool = (name: string, run: (input: Record<string, unknown>) => string, annotations?: Tool['annotations']): TestTool => ({
  tool: {
    name,
    description: `The tool ${name}.`,
    inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
    ...(annotations ? { annotations } : {}),
  },
  run: (input) => ({ content: [{ type: 'text', text: run(input) }] }),
});
