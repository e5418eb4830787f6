import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './source-tree.js';

/** One file per boundary rule that breaks this rule, by path; the key is the rule's name. */
export const VIOLATIONS: Readonly<Record<string, readonly [path: string, source: string]>> = {
  'no-cycles': ['infra/config/circle.ts', "import './half.js';"],
  'everything-resolves': ['infra/config/lost.ts', "import './nowhere.js';"],
  'contract-is-a-leaf': ['workflows/contract/leaf.ts', "import type { Port } from '../../activities/port.js';"],
  'workflow-code-is-deterministic': ['workflows/session/clock.ts', "import { readFileSync } from 'node:fs';"],
  'no-schemas-in-workflow-code': ['workflows/session/validates.ts', "import { Schema } from '../contract/schema/thing.js';"],
  'activities-get-their-parts-as-arguments': ['activities/model/reaches-down.ts', "import type { Config } from '../../infra/config/config.js';"],
  'activities-know-the-contract-only': ['activities/model/calls-back.ts', "import { turn } from '../../workflows/session/turn.js';"],
  'infra-is-below': ['infra/postgres/looks-up.ts', "import type { Port } from '../../activities/port.js';"],
  'apps-start-workflows-by-name': ['apps/worker/runs-inline.ts', "import { turn } from '../../workflows/session/turn.js';"],
  'programs-are-separate': ['apps/cli/borrows.ts', "import '../worker/runs-inline.js';"],
  'the-supervisor-brings-little': ['apps/supervisor/logs.ts', "import '../../infra/config/config.js';"],
  'scripts-run-on-plain-node': ['scripts/setup/needs-install.mjs', "import { z } from 'zod';"],
  'scripts-are-for-the-stack': ['apps/gateway/installs.ts', "import '../../scripts/setup/needs-install.mjs';"],
  'nothing-needs-tests': ['apps/gateway/uses-fixture.ts', "import '../../test/support/fixture.js';"],
  'postgres-in-its-folder': ['apps/gateway/queries.ts', "import type { Pool } from 'pg';"],
  'anthropic-in-its-adapters': ['activities/model/asks.ts', "import Anthropic from '@anthropic-ai/sdk';"],
  'openai-in-its-adapters': ['activities/model/asks-too.ts', "import OpenAI from 'openai';"],
  'docker-in-its-adapters': ['activities/sandbox/engine.ts', "import Docker from 'dockerode';"],
  's3-in-its-adapters': ['infra/blobs/keeps.ts', "import '@aws-sdk/client-s3';"],
  'x509-in-its-adapters': ['apps/egress/signs.ts', "import '@peculiar/x509';"],
  'mcp-in-its-adapters': ['activities/tools/lists.ts', "import { Client } from '@modelcontextprotocol/sdk/client/index.js';"],
  'requests-through-the-guard': ['activities/tools/fetches.ts', "import { fetch } from 'undici';"],
  'nest-in-the-gateway': ['apps/worker/decorated.ts', "import { Injectable } from '@nestjs/common';"],
  'temporal-client-in-its-folder': ['apps/gateway/starts.ts', "import { Client } from '@temporalio/client';"],
  'temporal-activity-at-the-boundary': ['activities/model/beats.ts', "import { heartbeat } from '@temporalio/activity';"],
  'temporal-worker-in-the-worker': ['apps/gateway/hosts.ts', "import { Worker } from '@temporalio/worker';"],
};

/** What the planted files import. */
const SURROUNDINGS: Readonly<Record<string, string>> = {
  'infra/config/half.ts': "import './circle.js';",
  'infra/config/config.ts': 'export type Config = string;',
  'activities/port.ts': 'export type Port = string;',
  'workflows/session/turn.ts': 'export const turn = 1;',
  'workflows/contract/schema/thing.ts': 'export const Schema = 1;',
  'test/support/fixture.ts': 'export const fixture = 1;',
};

/** A small tree that breaks every rule once. */
export function plantViolations(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'rondo-boundaries-'));
  const files = { ...SURROUNDINGS, ...Object.fromEntries(Object.values(VIOLATIONS)) };
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), `${source}\n`);
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}
