import { CLOSED, type NetworkPolicy } from '../../activities/egress/policy.js';
import { repositoryPlace, sessionPolicy } from '../../activities/egress/session-policy.js';
import { type EgressSubject, readEgressSubject } from '../../infra/postgres/egress-subject.repo.js';
import type { Listener } from '../../infra/postgres/listener.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { transaction } from '../../infra/postgres/transaction.js';
import type { Placeholders } from '../../infra/vault/placeholder.js';
import type { SecretBox } from '../../infra/vault/secret-box.js';
import type { EnvironmentCredential, SessionCredentials } from '../../infra/vault/session-credentials.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import type { SessionSecrets } from './injection.js';

export interface SessionRules extends SessionSecrets {
  readonly policy: NetworkPolicy;
  /** The lowest generation of sandboxes that may pass. */
  readonly oldestGeneration: number;
}

/** What each session may do now. */
export interface SessionPolicies {
  /** Errors: `service.unavailable`, so that nothing is open while the database is away. */
  find(session: SessionRef): Promise<SessionRules>;
  close(): void;
}

export interface SessionPolicyParts {
  readonly pool: Pool;
  readonly listener: Pick<Listener, 'on' | 'onResync'>;
  readonly credentials: SessionCredentials;
  readonly secretBox: SecretBox;
  readonly placeholders: Placeholders;
  /** Hosts of the package preset, beside the usual ones. */
  readonly packageHosts: readonly string[];
}

/** The longest a change can go unnoticed when its notification is lost. */
const KEPT_MS = 2_000;
const NO_RULES: SessionRules = { policy: CLOSED, oldestGeneration: 0, secrets: [], repositories: [] };

interface Kept {
  readonly rules: Promise<SessionRules>;
  readonly until: number;
  /** Ids whose change makes this void. Until the rows are read it may be any. */
  dependsOn: ReadonlySet<string> | 'anything';
}

/** Reads rows, keeps what they say for a moment, and forgets it as soon as one of them changes. */
export function createSessionPolicies(parts: SessionPolicyParts): SessionPolicies {
  const kept = new Map<string, Kept>();
  const stops = [
    parts.listener.on(CHANNELS.egress, (changed) => {
      for (const [sessionId, { dependsOn }] of kept) if (dependsOn === 'anything' || dependsOn.has(changed)) kept.delete(sessionId);
    }),
    parts.listener.onResync(() => kept.clear()),
  ];

  const load = async (session: SessionRef, entry: () => Kept | undefined): Promise<SessionRules> => {
    const { sessionId, workspaceId } = session;
    const subject = await transaction(parts.pool, workspaceId, (tx) => readEgressSubject(tx, sessionId));
    if (!subject) return NO_RULES;
    const found = entry();
    if (found) found.dependsOn = new Set([sessionId, subject.environmentId, ...subject.vaultIds]);
    if (subject.status === 'terminated' || !subject.networking) return NO_RULES;
    const { vaultIds, networking } = subject;
    const credentials = await parts.credentials.listEnvironmentCredentials({ workspaceId, vaultIds });
    return {
      oldestGeneration: subject.generation,
      policy: sessionPolicy({
        networking,
        mcpServers: subject.mcpServers,
        packageHosts: parts.packageHosts,
        repositories: subject.repositories,
        answers: subject.answers,
      }),
      secrets: credentials.map((credential) => toSecret(credential, sessionId, parts.placeholders)),
      repositories: subject.repositories.flatMap((repository) => toRepository(repository, session, parts)),
    };
  };

  return {
    async find(session) {
      const { sessionId } = session;
      for (const [id, { until }] of kept) if (until < performance.now()) kept.delete(id);
      const current = kept.get(sessionId);
      if (current) return current.rules;
      let entry: Kept | undefined;
      const rules = load(session, () => entry);
      entry = { rules, until: performance.now() + KEPT_MS, dependsOn: 'anything' };
      kept.set(sessionId, entry);
      rules.catch(() => {
        if (kept.get(sessionId) === entry) kept.delete(sessionId);
      });
      return rules;
    },
    close() {
      for (const stop of stops) stop();
      kept.clear();
    },
  };
}

const toSecret = (credential: EnvironmentCredential, sessionId: string, placeholders: Placeholders): SessionSecrets['secrets'][number] => ({
  credentialId: credential.id,
  placeholders: placeholders.all(sessionId, credential.id),
  hosts: credential.networking.type === 'limited' ? credential.networking.allowed_hosts : undefined,
  inHeaders: credential.injectionLocation.header,
  inBodies: credential.injectionLocation.body,
  open: () => credential.open().reveal(),
});

function toRepository(
  { id, url, token }: EgressSubject['repositories'][number],
  { sessionId, workspaceId }: SessionRef,
  { secretBox, placeholders }: SessionPolicyParts,
): SessionSecrets['repositories'][number][] {
  const place = repositoryPlace(url);
  if (!place) return [];
  const open = () => secretBox.open(token, { workspaceId, purpose: 'resource.token', id }).reveal();
  return [{ ...place, credentialId: id, placeholders: placeholders.all(sessionId, id), open }];
}
