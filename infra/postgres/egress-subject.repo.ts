import type { SessionAgent, SessionStatus } from '../../workflows/contract/records.js';
import type { Networking } from '../../workflows/contract/schema/environment.js';
import type { Transaction } from './transaction.js';

/** The policy of a session `s` in its environment `e`. */
export const NETWORKING = `coalesce(s.networking, e.config -> 'networking')`;

/** What decides which way out a session has. */
export interface EgressSubject {
  readonly status: SessionStatus;
  readonly environmentId: string;
  /** The session's own, or else its environment's; null where the caller's own workers run the tools. */
  readonly networking: Networking | null;
  readonly mcpServers: SessionAgent['mcp_servers'];
  readonly vaultIds: readonly string[];
  /** Repositories with a token, which stays sealed. */
  readonly repositories: readonly { readonly id: string; readonly url: string; readonly token: Buffer }[];
  /** Of the session's sandbox, or of the next one when that has ended; an older one has no way out. */
  readonly generation: number;
  /** What people answered for the rest of the session. */
  readonly answers: readonly { readonly questionId: string; readonly host: string; readonly port: number; readonly decision: 'allow' | 'deny' }[];
}

export async function readEgressSubject(tx: Transaction, sessionId: string): Promise<EgressSubject | undefined> {
  const { rows } = await tx.query<Omit<EgressSubject, 'repositories' | 'answers'>>(
    `select s.status, s.environment_id as "environmentId", ${NETWORKING} as networking, coalesce(s.agent -> 'mcp_servers', '[]') as "mcpServers", s.vault_ids as "vaultIds",
       coalesce((select b.generation + (b.state = 'released')::int from sandboxes b where b.session_id = s.id), 0) as generation
     from sessions s join environments e on e.id = s.environment_id where s.id = $1`,
    [sessionId],
  );
  const [session] = rows;
  if (!session) return undefined;
  const repositories = await tx.query<EgressSubject['repositories'][number]>(
    `select id, body ->> 'url' as url, token from session_resources
     where session_id = $1 and type = 'github_repository' and token is not null order by created_at, id`,
    [sessionId],
  );
  const answers = await tx.query<EgressSubject['answers'][number]>(
    `select id as "questionId", host, port, answer as decision from network_questions
     where session_id = $1 and scope = 'session' and answer in ('allow', 'deny') order by answered_at desc, id`,
    [sessionId],
  );
  return { ...session, repositories: repositories.rows, answers: answers.rows };
}
