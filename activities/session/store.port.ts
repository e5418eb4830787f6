import type { SessionRef } from '../../workflows/contract/activities.js';
import type { DueMount, FileRecord, MountClaim, NewOutput, ResourceRecord, TakenOutput } from '../../workflows/contract/file-records.js';
import type { NetworkAccess } from '../../workflows/contract/network-access.js';
import type {
  AttemptEnd,
  AttemptRecord,
  Decision,
  EffectRecord,
  InboxItem,
  JsonObject,
  McpToolList,
  NewAttempt,
  NewEvent,
  NewToolCall,
  SessionChange,
  SessionRecord,
  StoredEvent,
  ToolCallRecord,
  Usage,
  WorkRecord,
} from '../../workflows/contract/records.js';
import type {
  CallOutputPiece,
  CheckpointRecord,
  GenerationsUsed,
  NewCheckpoint,
  NewSandbox,
  SandboxLoss,
  SandboxPlace,
  SandboxRecord,
  SessionImage,
} from '../../workflows/contract/sandbox-records.js';
import type { InvocationStatus } from '../../workflows/contract/schema/invoke.js';

/**
 * Where sessions live. Errors: `session.not_found`, and `service.unavailable` while the database is away.
 * Readers are told of a change when, and only when, its transaction commits.
 */
export interface SessionStore {
  /** One transaction that holds the session's row lock from its first statement: the only way to write. */
  locked<T>(ref: SessionRef, work: (session: LockedSession) => Promise<T>): Promise<T>;
  /** Text on its way, for clients that opted in. Lossy by design: gone when the final event commits, and dropped behind the fence. */
  publishDeltas(ref: SessionRef, deltas: readonly Delta[], fence: number): Promise<void>;
  /** What a running call prints, for clients that opted in. As lossy as deltas; nothing comes of any attempt but the newest, nor after the call's end. */
  publishCallOutput(ref: SessionRef, output: { readonly callId: string; readonly attempt: number; readonly pieces: readonly CallOutputPiece[] }): Promise<void>;
  /** Where the published part of a call's output ends, in bytes; 0 when there is none. */
  endOfCallOutput(ref: SessionRef, callId: string): Promise<number>;
  /** Ends an attempt's row outside the lock, for attempts that may no longer write anything else. */
  endAttempt(ref: SessionRef, attemptId: string, end: AttemptEnd): Promise<void>;
  /** What the session's next sandbox is to be made of on a host. */
  findImage(ref: SessionRef, hostId: string): Promise<SessionImage>;
  /** What is known of the session's directories: their last kept state, and the last sandbox generations that changed them. */
  lastKept(ref: SessionRef): Promise<{ readonly checkpoint: CheckpointRecord | undefined; readonly lastUsed: GenerationsUsed }>;
  /** What a sandbox of this generation is to hold and does not hold yet. */
  dueMounts(ref: SessionRef, generation: number): Promise<DueMount[]>;
  /** Keeps claimed mounts for longer; false when one of them was taken by somebody else meanwhile. */
  renewMounts(ref: SessionRef, held: { readonly keys: readonly string[]; readonly holder: string; readonly leaseMs: number }): Promise<boolean>;
  /** What was taken from the session's outputs folder so far. */
  takenOutputs(ref: SessionRef): Promise<TakenOutput[]>;
}

export interface Delta {
  readonly eventId: string;
  readonly eventType: 'agent.message' | 'agent.thinking';
  readonly attempt: number;
  /** Index of the content block within the event. */
  readonly block: number;
  readonly text: string;
}

/** A session under its row lock. `record` follows the changes made through it. */
export interface LockedSession {
  readonly record: SessionRecord;
  update(change: SessionChange): Promise<void>;
  /** Appends to the log, in order, gapless. */
  append(events: readonly NewEvent[]): Promise<StoredEvent[]>;
  readEvents(): Promise<StoredEvent[]>;
  findEvent(id: string): Promise<StoredEvent | undefined>;

  /** Accepts inputs; answers whether the workflow must be woken after the commit. */
  putInbox(inputs: readonly { readonly id: string; readonly type: string; readonly body: JsonObject }[]): Promise<{ wake: boolean }>;
  readInbox(): Promise<InboxItem[]>;
  /** Moves inputs into the log, in the order given. */
  takeInbox(items: readonly InboxItem[]): Promise<StoredEvent[]>;
  /** The loop has seen everything that is in the inbox now. */
  clearWake(): Promise<void>;

  addToolCalls(calls: readonly NewToolCall[]): Promise<void>;
  findToolCall(id: string): Promise<ToolCallRecord | undefined>;
  /** Calls without a result, in the model's order. */
  openToolCalls(): Promise<ToolCallRecord[]>;
  /** First decision wins: false when there was one. */
  decide(callId: string, decision: Decision): Promise<boolean>;
  /** Notes that a client's or a worker's result was accepted. First answer wins: false when there was one, or the call has ended. */
  answerToolCall(callId: string): Promise<boolean>;
  finishToolCall(callId: string): Promise<void>;
  /** A file of the workspace; one of another session, too. */
  findFile(id: string): Promise<FileRecord | undefined>;
  /** Answers a question whether the session may reach a host. First answer wins: `answered` false when there was one, or it comes too late; undefined when there is no such question. */
  answerNetworkQuestion(
    id: string,
    answer: { readonly result: 'allow' | 'deny'; readonly scope: 'once' | 'session' },
  ): Promise<{ readonly answered: boolean } | undefined>;
  /** What the session's MCP servers offered when they were last asked. */
  readMcpTools(): Promise<McpToolList[]>;
  /** Keeps lists, each in the place of what its server offered before. */
  saveMcpTools(lists: readonly McpToolList[]): Promise<void>;

  /** Queues a work item for a worker of the session's self-hosted environment, unless one lives; nothing for other sessions. */
  callWorker(options?: { readonly afterMs?: number }): Promise<void>;
  /** The item, under its own lock too. */
  lockWork(id: string): Promise<WorkRecord | undefined>;
  stopWork(id: string): Promise<WorkRecord>;
  /** Queues a lost worker's item again; its lease and its token are void from then on. */
  offerWorkAgain(id: string): Promise<void>;
  /** What the environment wants done with a lost worker's calls. */
  workerLossPolicy(): Promise<'unknown' | 'rerun'>;

  /** Claims of a step kind (`model:…`) that were never sealed. */
  unsealedEffects(prefix: string): Promise<EffectRecord[]>;
  findEffect(key: string): Promise<EffectRecord | undefined>;
  /** Claims for this attempt; a higher attempt takes the claim over, a lower one is refused (false). */
  claimEffect(claim: { key: string; attempt: number; startEventId?: string }): Promise<boolean>;
  bindGeneration(key: string, generation: number): Promise<void>;
  sealEffect(key: string, result: unknown): Promise<void>;

  /** Opens a trace row; earlier open rows of the same key are closed as lost. */
  startAttempt(attempt: NewAttempt): Promise<string>;
  endAttempt(attemptId: string, end: AttemptEnd): Promise<void>;
  /** The same for several attempts with different keys at once; the ids are in their order. */
  startAttempts(attempts: readonly NewAttempt[]): Promise<string[]>;
  /** Several that ended in the same way. */
  endAttempts(attemptIds: readonly string[], end: AttemptEnd): Promise<void>;
  attemptsOf(key: string): Promise<AttemptRecord[]>;
  findSandbox(): Promise<SandboxRecord | undefined>;
  /** That image is not there any more: it is built again. */
  forgetImage(hostId: string): Promise<void>;
  /** Takes a sandbox out of the host's pool; its name, if one of that kind was ready. */
  claimPoolMember(of: { readonly hostId: string; readonly kind: string }): Promise<string | undefined>;
  saveSandbox(sandbox: NewSandbox): Promise<void>;
  /** Hosts that could make the session's next sandbox, as this host sees them; it is not among them where it does not report itself. */
  placesFor(hostId: string): Promise<SandboxPlace[]>;
  /** The last kept state of the session's directories. */
  findCheckpoint(): Promise<CheckpointRecord | undefined>;
  /** Puts a checkpoint in the place of the one before, whose blobs are let go. */
  saveCheckpoint(checkpoint: NewCheckpoint): Promise<void>;
  /** What was lost with sandboxes before the current one and the model was not told of yet. */
  readLoss(): Promise<SandboxLoss | undefined>;
  writeLoss(loss: SandboxLoss | undefined): Promise<void>;
  /** A caller of the API has put a file into the sandbox of this generation. */
  noteFileSent(generation: number): Promise<void>;
  /** Takes mounts for a while: those that need something, and that nobody else is at. */
  claimMounts(claim: {
    readonly keys: readonly string[];
    readonly generation: number;
    readonly holder: string;
    readonly leaseMs: number;
  }): Promise<MountClaim[]>;
  /** Says how claimed mounts ended, or gives them back (`mounting`); answers the keys of those that nobody else has taken meanwhile. */
  endMounts(end: {
    readonly keys: readonly string[];
    readonly holder: string;
    readonly state: 'mounting' | 'mounted' | 'failed';
  }): Promise<ReadonlySet<string>>;
  readResources(): Promise<ResourceRecord[]>;
  /** What the session's sandbox can reach, as its environment has it now. */
  readNetworkAccess(): Promise<NetworkAccess>;
  /** Makes an output a file of the session, or other bytes of the file of that name, and notes what it looked like. */
  saveOutput(seen: TakenOutput, output: NewOutput): Promise<void>;

  /** Marks invocations whose input was taken as running; the model request that takes it begins with the same transaction. */
  startInvocations(inputEventIds: readonly string[]): Promise<void>;
  /** Moves every open, started invocation of this session to a status; terminal ones get an end time. */
  moveInvocations(to: {
    readonly status: InvocationStatus;
    readonly stopReason: JsonObject | null;
    readonly output?: readonly unknown[];
    readonly usage: Usage;
    /** Also those whose input was never taken (a kill). */
    readonly includeQueued?: boolean;
  }): Promise<void>;
}
