import { newId } from '../../../infra/ids.js';
import type { EnvironmentRecord } from '../../../infra/postgres/environments.repo.js';
import { type LockedSession, lockSession } from '../../../infra/postgres/session-store.js';
import { insertSession } from '../../../infra/postgres/sessions.repo.js';
import { resolveSkillVersion } from '../../../infra/postgres/skills.repo.js';
import type { Transaction } from '../../../infra/postgres/transaction.js';
import { requireVaults } from '../../../infra/postgres/vaults.repo.js';
import type { SecretBox } from '../../../infra/vault/secret-box.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { IsolationLevel } from '../../../workflows/contract/isolation.js';
import type { ModelPrice } from '../../../workflows/contract/list-cost.js';
import type { SessionAgent, SessionSkill } from '../../../workflows/contract/records.js';
import type { AgentDefinition } from '../../../workflows/contract/schema/agent.js';
import type { NetworkingInput } from '../../../workflows/contract/schema/environment.js';
import type { Limits } from '../../../workflows/contract/schema/limits.js';
import type { ResourceInput } from '../../../workflows/contract/schema/resource.js';
import type { Budget } from '../../../workflows/contract/schema/session-create.js';
import type { CheckModel } from '../agents/known-model.js';
import { attachResource, MOST_RESOURCES } from '../resources/attach-resource.js';
import { ownNetworking } from './own-networking.js';
import { refuseWeakIsolation } from './refuse-weak-isolation.js';

/** What a session is made of, beside its inputs. Absent parts are empty. */
export interface SessionParts {
  readonly agent: { readonly id: string; readonly version: number; readonly archivedAt: Date | null };
  /** The agent's definition at that version, with the session's own overrides applied. */
  readonly definition: AgentDefinition;
  readonly environment: EnvironmentRecord;
  readonly title?: string | null | undefined;
  readonly metadata?: Readonly<Record<string, string>> | null | undefined;
  readonly limits?: Limits | undefined;
  readonly resources?: readonly ResourceInput[] | null | undefined;
  readonly vaultIds?: readonly string[] | null | undefined;
  readonly budget?: Budget | null | undefined;
  readonly networking?: NetworkingInput | null | undefined;
}

/** Makes a session within a transaction and holds its lock. */
export type CreateSession = (tx: Transaction, parts: SessionParts) => Promise<LockedSession>;

export interface SessionCreationRules {
  readonly checkModel: CheckModel;
  readonly prices: Readonly<Record<string, ModelPrice>>;
  readonly secrets: SecretBox;
  /** The weakest isolation that a sandbox may have. */
  readonly minimumIsolation: IsolationLevel | undefined;
}

/**
 * Everything that must hold of a new session, in one place for every door it comes by. Errors: `agent.archived`,
 * `environment.archived`, `sandbox.unavailable`, `model.unknown`, `vault.not_found`, `skill.not_found`, `file.not_found`, `request.invalid`.
 */
export const createSessionWith =
  (rules: SessionCreationRules): CreateSession =>
  async (tx, parts) => {
    const { agent, environment, definition } = parts;
    refuseArchived(agent, environment);
    if (rules.minimumIsolation && environment.config.type !== 'self_hosted') await refuseWeakIsolation(tx, rules.minimumIsolation);
    rules.checkModel(definition.model.id);
    refuseUnpricedBudget(parts.budget ?? null, definition.model.id, rules.prices);
    const vaultIds = [...new Set(parts.vaultIds ?? [])];
    await requireVaults(tx, vaultIds);
    const skills = await pinSkills(tx, definition.skills);
    const snapshot: SessionAgent = {
      ...definition,
      id: agent.id,
      type: 'agent',
      version: agent.version,
      skills: definition.skills.map((skill, index) => ({ ...skill, version: skills[index]?.versionId ?? skill.version })),
    };
    const id = newId('session');
    await insertSession(tx, {
      id,
      agent: snapshot,
      environmentId: environment.id,
      environmentType: environment.config.type,
      primaryThreadId: newId('thread'),
      title: parts.title || null,
      metadata: parts.metadata ?? {},
      limits: parts.limits ?? {},
      vaultIds,
      skills,
      budget: parts.budget ?? null,
      networking: ownNetworking(environment.config.type, parts.networking),
    });
    const session = await lockSession(tx, id);
    const resources = parts.resources ?? [];
    refuseTooMany(resources);
    for (const [index, resource] of resources.entries()) await attachResource(tx, rules.secrets, session.record, resource, `resources[${index}]`);
    return session;
  };

function refuseArchived(agent: SessionParts['agent'], environment: EnvironmentRecord): void {
  if (agent.archivedAt) throw new RondoError('agent.archived', `Agent ${agent.id} is archived; it takes no new sessions.`);
  if (environment.archivedAt) {
    throw new RondoError('environment.archived', `Environment ${environment.id} is archived; it takes no new sessions.`, {
      details: { error_code: 'environment_archived' },
    });
  }
}

/** A budget counts list prices, so the model must have one. */
export function refuseUnpricedBudget(budget: Budget | null, modelId: string, prices: Readonly<Record<string, ModelPrice>>): void {
  if (budget === null || Object.hasOwn(prices, modelId)) return;
  throw new RondoError(
    'request.invalid',
    `budget: the model ${modelId} has no list price on this server; set one in RONDO_MODEL_PRICES, or leave budget out.`,
    {
      details: { error_code: 'model_not_budgetable', reason: 'model_not_budgetable' },
    },
  );
}

function refuseTooMany(resources: readonly ResourceInput[]): void {
  for (const [type, most] of Object.entries(MOST_RESOURCES)) {
    const count = resources.filter((resource) => resource.type === type).length;
    if (count > most) throw new RondoError('request.invalid', `resources: ${count} of type ${type} are given; at most ${most} are accepted.`);
  }
}

/** The versions of the skills that the session keeps, whatever is published later. */
async function pinSkills(tx: Transaction, skills: AgentDefinition['skills']): Promise<SessionSkill[]> {
  const resolved: SessionSkill[] = [];
  for (const { skill_id, version } of skills) {
    const found = await resolveSkillVersion(tx, skill_id, version);
    if (!found) throw new RondoError('skill.not_found', `skills: skill ${skill_id} has no version ${version} in this workspace any more; update the agent.`);
    const { skillId, versionId, name, description } = found;
    if (resolved.some((other) => other.name === name)) {
      throw new RondoError('request.invalid', `skills: two skills are named ${JSON.stringify(name)}; a session can have one of that name.`);
    }
    resolved.push({ skillId, versionId, name, description });
  }
  return resolved;
}
