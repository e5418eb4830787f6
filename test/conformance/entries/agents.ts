import { expect } from 'vitest';
import type { Entries } from '../entry.js';
import { expectRefused } from '../expect-error.js';
import { expectListed, readAll } from '../pages.js';
import { expectMoment, expectShape } from '../shape.js';
import { AGENT } from '../shapes.js';

export const agents: Entries = {
  'agents.create': {
    'answers the agent with version 1': async ({ client, unique }) => {
      const name = unique('created');
      const agent = await client.beta.agents.create({ name, model: 'rehearsal/echo', system: 'Be brief.', metadata: { team: 'blue' } });
      expectShape(agent, AGENT);
      expect(agent).toMatchObject({
        name,
        version: 1,
        system: 'Be brief.',
        description: null,
        metadata: { team: 'blue' },
        archived_at: null,
        multiagent: null,
      });
      expect(agent.execution_identity).toEqual({ type: 'service_account' });
      expectMoment(agent.created_at);
    },
    'resolves the model and its effort': async ({ agent }) => {
      const { model } = await agent({ model: { id: 'rehearsal/echo', effort: 'low' } });
      expect(model).toMatchObject({ id: 'rehearsal/echo', effort: { type: 'low' }, speed: 'standard' });
    },
    'resolves a toolset': async ({ agent }) => {
      const { tools } = await agent({
        tools: [
          {
            type: 'agent_toolset_20260401',
            configs: [
              { name: 'bash', permission_policy: { type: 'always_ask' } },
              { name: 'write', enabled: false },
            ],
          },
        ],
      });
      const [toolset] = tools;
      if (toolset?.type !== 'agent_toolset_20260401') throw new Error('The toolset is missing.');
      expect(toolset.default_config).toMatchObject({ enabled: true, permission_policy: { type: 'always_allow' } });
      expect(toolset.configs.find(({ name }) => name === 'bash')).toMatchObject({ enabled: true, permission_policy: { type: 'always_ask' } });
      expect(toolset.configs.find(({ name }) => name === 'write')).toMatchObject({ enabled: false });
    },
    'takes MCP servers with their toolset': async ({ agent }) => {
      const { mcp_servers, tools } = await agent({
        mcp_servers: [{ type: 'url', name: 'docs', url: 'https://mcp.example.com/mcp' }],
        tools: [{ type: 'mcp_toolset', mcp_server_name: 'docs' }],
      });
      expect(mcp_servers).toEqual([{ type: 'url', name: 'docs', url: 'https://mcp.example.com/mcp' }]);
      expect(tools).toMatchObject([{ type: 'mcp_toolset', mcp_server_name: 'docs', default_config: { permission_policy: { type: 'always_ask' } } }]);
    },
    'takes a skill and names its version': async ({ client, agent, skillFiles, unique }) => {
      const skill = await client.beta.skills.create({ files: await skillFiles(unique('for-agent'), 'Is used by an agent.') });
      const { skills } = await agent({ skills: [{ type: 'custom', skill_id: skill.id }], tools: [{ type: 'agent_toolset_20260401' }] });
      expect(skills).toEqual([{ type: 'custom', skill_id: skill.id, version: skill.latest_version_id }]);
    },
    'refuses what is malformed with 400': async ({ client }) => {
      await expectRefused(client.beta.agents.create({ name: '', model: 'rehearsal/echo' }), 400);
      await expectRefused(client.beta.agents.create({ name: 'x', model: 'rehearsal/echo', metadata: { ['k'.repeat(65)]: 'v' } }), 400);
    },
  },
  'agents.retrieve': {
    'answers what was created': async ({ client, agent }) => {
      const created = await agent({ description: 'To be found.' });
      const found = await client.beta.agents.retrieve(created.id);
      expectShape(found, AGENT);
      expect({ ...found }).toEqual({ ...created });
    },
    'answers an older version': async ({ client, agent }) => {
      const { id, name } = await agent();
      await client.beta.agents.update(id, { name: `${name} renamed` });
      expect(await client.beta.agents.retrieve(id, { version: 1 })).toMatchObject({ version: 1, name });
      expect(await client.beta.agents.retrieve(id)).toMatchObject({ version: 2, name: `${name} renamed` });
    },
    'refuses what is not there with 404': async ({ client }) => {
      const error = await expectRefused(client.beta.agents.retrieve('agent_01JD0000000000000000000000'), 404);
      expect(error.type).toBe('not_found_error');
    },
  },
  'agents.update': {
    'makes the next version': async ({ client, agent }) => {
      const { id } = await agent({ system: 'One.' });
      const updated = await client.beta.agents.update(id, { version: 1, system: 'Two.' });
      expectShape(updated, AGENT);
      expect(updated).toMatchObject({ id, version: 2, system: 'Two.' });
      expect((await client.beta.agents.retrieve(id)).system).toBe('Two.');
    },
    'keeps the version when nothing changes': async ({ client, agent }) => {
      const { id, name } = await agent();
      expect(await client.beta.agents.update(id, { name })).toMatchObject({ version: 1 });
    },
    'patches metadata': async ({ client, agent }) => {
      const { id } = await agent({ metadata: { keep: '1', drop: '2', change: '3' } });
      const { metadata } = await client.beta.agents.update(id, { metadata: { drop: null, change: '4', add: '5' } });
      expect(metadata).toEqual({ keep: '1', change: '4', add: '5' });
    },
    'clears with null and keeps what is not named': async ({ client, agent }) => {
      const { id } = await agent({ system: 'One.', description: 'Stays.' });
      expect(await client.beta.agents.update(id, { system: null })).toMatchObject({ system: null, description: 'Stays.' });
    },
    'refuses another version with 409, not to be repeated': async ({ client, agent }) => {
      const { id } = await agent();
      await client.beta.agents.update(id, { description: 'Second.' });
      const error = await expectRefused(client.beta.agents.update(id, { version: 1, description: 'Third.' }), 409);
      expect(error.headers?.get('x-should-retry')).toBe('false');
    },
  },
  'agents.list': {
    'finds every agent once, page by page': async ({ client, agent }) => {
      const made = [await agent(), await agent(), await agent()];
      await expectListed(client.beta.agents.list({ limit: 2 }), made);
      for (const one of (await client.beta.agents.list({ limit: 2 })).data) expectShape(one, AGENT);
    },
    'filters by time': async ({ client, agent }) => {
      const early = await agent();
      const late = await agent();
      const ids = (await readAll(client.beta.agents.list({ 'created_at[gte]': late.created_at }))).map(({ id }) => id);
      expect(ids).toContain(late.id);
      if (early.created_at < late.created_at) expect(ids).not.toContain(early.id);
    },
    'leaves out archived ones unless asked': async ({ client, agent }) => {
      const { id } = await agent();
      await client.beta.agents.archive(id);
      expect((await readAll(client.beta.agents.list())).map((one) => one.id)).not.toContain(id);
      expect((await readAll(client.beta.agents.list({ include_archived: true }))).map((one) => one.id)).toContain(id);
    },
  },
  'agents.archive': {
    'marks the agent, which stays readable': async ({ client, agent }) => {
      const { id } = await agent();
      const archived = await client.beta.agents.archive(id);
      expectShape(archived, AGENT);
      expectMoment(archived.archived_at);
      expect((await client.beta.agents.retrieve(id)).archived_at).toBe(archived.archived_at);
    },
    'lets no session begin with it': async ({ client, agent, environment }) => {
      const { id } = await agent();
      await client.beta.agents.archive(id);
      await expectRefused(client.beta.sessions.create({ agent: id, environment_id: (await environment()).id }), 400);
    },
  },
  'agents.versions.list': {
    'answers every version as a whole agent': async ({ client, agent }) => {
      const { id } = await agent({ system: 'One.' });
      await client.beta.agents.update(id, { system: 'Two.' });
      await client.beta.agents.update(id, { system: 'Three.' });
      const versions: { version: number; system: string | null }[] = [];
      for await (const version of client.beta.agents.versions.list(id, { limit: 2 })) {
        expectShape(version, AGENT);
        versions.push({ version: version.version, system: version.system });
      }
      expect(versions.toSorted((left, right) => left.version - right.version)).toEqual([
        { version: 1, system: 'One.' },
        { version: 2, system: 'Two.' },
        { version: 3, system: 'Three.' },
      ]);
    },
  },
};
