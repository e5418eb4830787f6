import type { Fence } from '../../workflows/contract/fence.js';
import type { ModelPrice } from '../../workflows/contract/list-cost.js';
import type { AskServers } from '../mcp/ask-servers.js';
import type { SessionStore } from '../session/store.port.js';
import type { ToolCatalog } from '../tools/catalog.js';
import type { ReadFile } from './file-sources.js';
import type { ModelPort, ModelRequest } from './model.port.js';

export interface CallModelDependencies {
  readonly store: SessionStore;
  /** Throws `model.unknown` where the provider is not configured. */
  readonly models: (modelId: string) => { readonly port: ModelPort; readonly model: string };
  readonly redact: (text: string) => string;
  readonly newEventId: () => string;
  readonly defaultMaxSteps: number;
  readonly approvalTimeoutMs: number;
  /** Asks a session's MCP servers what they offer. */
  readonly askServers: AskServers;
  /** Whether a search engine is set up for `web_search`. */
  readonly offersSearch: boolean;
  /** For messages that refer to a file. */
  readonly readFile: ReadFile;
  /** List price of a model; undefined where none is known. */
  readonly priceOf: (modelId: string) => ModelPrice | undefined;
}

/** One model request under way: what its attempt must show to write its answer. */
export interface OpenModelCall {
  readonly fence: Fence;
  readonly effectKey: string;
  readonly attempt: number;
  readonly attemptId: string;
  readonly startEventId: string;
  readonly request: ModelRequest;
  readonly catalog: ToolCatalog;
  /** The turn's deadline, in milliseconds since the epoch. */
  readonly deadline: number | undefined;
}
