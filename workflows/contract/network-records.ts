/** One line of the audit: a request or a tunnel of a sandbox, or a request that Rondo made for a session. */
export interface EgressRequest {
  readonly sessionId: string;
  /** Of the sandbox; null where Rondo itself asked. */
  readonly generation: number | null;
  /** The calls it belongs to; null where they are those of the sandbox that were open when it began. */
  readonly toolCallIds: readonly string[] | null;
  readonly protocol: 'http' | 'https' | 'websocket' | 'tunnel';
  readonly host: string;
  readonly port: number;
  readonly method: string | null;
  /** Without secrets. */
  readonly path: string | null;
  readonly decision: 'allow' | 'deny';
  readonly rule: string;
  /** HTTP status as whoever asked got it. */
  readonly status: number | null;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Ids of credentials and repositories whose secrets went with it. */
  readonly credentialIds: readonly string[];
  readonly error: string | null;
  readonly startedAt: Date;
  readonly durationMs: number;
}

/** A line as it is kept. */
export type NetworkRequestRecord = EgressRequest & {
  /** `netreq_…` */
  readonly id: string;
  readonly toolCallIds: readonly string[];
  readonly recordedAt: Date;
};

/** What a session has used of its allowance, by its audit. Bytes of both ways. */
export interface EgressTotals {
  readonly requests: number;
  readonly bytes: number;
}

/** A question to people whether a session may reach a host. */
export interface NetworkQuestion {
  /** Of the event that asks. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly method: string | null;
  readonly expiresAt: Date;
  readonly answer: 'allow' | 'deny' | 'expired' | null;
  readonly scope: 'once' | 'session' | null;
}
