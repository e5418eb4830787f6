import type Anthropic from '@anthropic-ai/sdk';
import type { Entries } from '../entry.js';
import { agents } from './agents.js';
import { credentials } from './credentials.js';
import { environments } from './environments.js';
import { files } from './files.js';
import { notBuilt } from './not-built.js';
import { sessionEvents } from './session-events.js';
import { resources, threads } from './session-parts.js';
import { sessions } from './sessions.js';
import { skills } from './skills.js';
import { vaults } from './vaults.js';
import { webhooks } from './webhooks.js';
import { work } from './work.js';

/** The entry of every method. */
export const entriesFor = (client: Anthropic): Entries => ({
  ...agents,
  ...environments,
  ...work,
  ...sessions,
  ...sessionEvents,
  ...resources,
  ...threads,
  ...vaults,
  ...credentials,
  ...files,
  ...skills,
  ...webhooks,
  ...notBuilt(client),
});
