import type { SessionRef } from '../../workflows/contract/activities.js';

/** The requests that Rondo itself makes for one call of a session, or for one thing that is put into its sandbox. */
export interface Traffic {
  /**
   * Resolves when the session may ask this address, however long people think about it: before any clock of the request starts.
   * Errors: `Refusal`, the signal's reason.
   */
  admit(url: URL, method: string, signal: AbortSignal | undefined): Promise<void>;
  /** The same for one request, which is then written down. Errors: as `admit`. */
  begin(url: URL, request: OutgoingRequest, signal: AbortSignal | undefined): Promise<OutgoingLine>;
  /** Ends the lines of requests whose answers nobody read to their end. */
  end(): void;
}

export interface OutgoingRequest {
  readonly method: string;
  /** Of secrets that go with it. */
  readonly credentialIds: readonly string[];
}

/** One request while it goes on. */
export interface OutgoingLine {
  /** Bytes of its body. Errors: `Refusal`. */
  sent(bytes: number): void;
  answered(status: number): void;
  /** Bytes of the answer's body. Errors: `Refusal`. */
  received(bytes: number): void;
  /** Writes the line, once. */
  end(error?: unknown): void;
}

/** Everything Rondo asks for sessions goes through here: policy, counters and audit. */
export interface ServerTraffic {
  /** `toolCallIds`: the calls it is for; without them, those of the sandbox that are open at the time. */
  of(session: SessionRef, toolCallIds?: readonly string[]): Traffic;
}
