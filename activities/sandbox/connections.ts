import type { SupervisorClient } from './supervisor.client.js';

export interface AcquiredSandbox {
  readonly generation: number;
  readonly client: SupervisorClient;
}

/** One connection for each session that this worker serves, for as long as it is open. */
export interface Connections {
  /** The connection that is there, or on its way; made when there is none. */
  get(sessionId: string, connect: () => Promise<AcquiredSandbox>): Promise<AcquiredSandbox>;
  drop(sessionId: string): void;
  dropAll(): void;
}

export function createConnections(): Connections {
  const connections = new Map<string, Promise<AcquiredSandbox>>();
  const drop = (sessionId: string) => {
    const connection = connections.get(sessionId);
    connections.delete(sessionId);
    connection?.then(({ client }) => client.close()).catch(() => undefined);
  };
  return {
    get(sessionId, connect) {
      const kept = connections.get(sessionId);
      if (kept) return kept;
      const fresh = connect();
      connections.set(sessionId, fresh);
      const forget = () => {
        if (connections.get(sessionId) === fresh) connections.delete(sessionId);
      };
      fresh.then(({ client }) => client.closed).then(forget, forget);
      return fresh;
    },
    drop,
    dropAll() {
      for (const sessionId of connections.keys()) drop(sessionId);
    },
  };
}
