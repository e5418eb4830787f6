import type { ResourceRecord } from '../../workflows/contract/file-records.js';
import type { NetworkAccess } from '../../workflows/contract/network-access.js';
import type { SessionSkill } from '../../workflows/contract/records.js';
import { networkPrompt } from './network-prompt.js';

export interface SystemPromptParts {
  /** What the agent's author wrote. */
  readonly system: string | null;
  /** Where the file tools run: in a sandbox of ours, with a worker of the caller's, or there are none. */
  readonly tools: 'sandbox' | 'worker' | 'none';
  /** Of the sandbox. */
  readonly network: NetworkAccess;
  readonly resources: readonly Pick<ResourceRecord, 'type' | 'mountPath' | 'body'>[];
  readonly skills: readonly SessionSkill[];
}

/** More are counted, not named. */
const MOST_NAMED = 100;

const sandbox = (network: NetworkAccess): string => `Your tools run in an isolated Linux sandbox. ${networkPrompt(network)}
The workspace is /workspace; it is kept between turns, and so is /mnt. Files elsewhere may be lost.
What is meant for the user to download belongs into /mnt/session/outputs: its files are handed over whenever you have finished your turn.`;

/** The system prompt of a model request: the author's, then what the session's tools find where. Undefined when there is nothing to say. Pure. */
export function systemPrompt({ system, tools, network, resources, skills }: SystemPromptParts): string | undefined {
  const parts = [
    system,
    tools === 'sandbox' ? sandbox(network) : null,
    tools === 'sandbox' ? mounted(resources) : null,
    tools === 'none' ? null : skilled(skills, tools === 'sandbox' ? '/mnt/skills' : 'skills'),
  ];
  return parts.filter(Boolean).join('\n\n') || undefined;
}

function mounted(resources: SystemPromptParts['resources']): string | null {
  const lines = resources.flatMap(describe);
  if (lines.length === 0) return null;
  const more = lines.length > MOST_NAMED ? [`- and ${lines.length - MOST_NAMED} more`] : [];
  return ['Put there for you:', ...lines.slice(0, MOST_NAMED), ...more].join('\n');
}

function describe({ type, mountPath, body }: SystemPromptParts['resources'][number]): string[] {
  switch (type) {
    case 'file':
      return [`- file ${mountPath}`];
    case 'github_repository':
      return [`- git repository ${mountPath}, cloned from ${String(body['url'])}`];
    case 'memory_store':
      return [];
  }
}

/** A worker unpacks skills below its own working directory. */
function skilled(skills: readonly SessionSkill[], folder: string): string | null {
  if (skills.length === 0) return null;
  const lines = skills.map(({ name, description }) => `- ${name} (${folder}/${name}/SKILL.md): ${description}`);
  return ['You have skills: instructions for certain kinds of work. Before such work, read the SKILL.md of the skill and follow it.', ...lines].join('\n');
}
