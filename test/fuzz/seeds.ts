import { toFile } from '@anthropic-ai/sdk';
import type { Platform } from '../support/platform.js';

/** Ids that stand in paths, by the name of the path's parameter. */
export type Ids = Readonly<Record<string, string>>;

/** One of everything, so that requests come past "not found". */
export async function plant(platform: Platform, name: string): Promise<Ids> {
  const { agents, environments, sessions, vaults, files, skills } = platform.sdk.beta;
  const agent = await agents.create({ name, model: 'rehearsal/echo' });
  const environment = await environments.create({ name });
  const file = await files.upload({ file: await toFile(Buffer.from(name), `${name}.txt`, { type: 'text/plain' }) });
  const vault = await vaults.create({ display_name: name });
  const auth = { type: 'static_bearer', mcp_server_url: 'https://mcp.example.com/mcp', token: 'never-shown' } as const;
  const credential = await vaults.credentials.create(vault.id, { auth });
  const document = Buffer.from(`---\nname: ${name}\ndescription: Is there.\n---\n`);
  const skill = await skills.create({ files: [await toFile(document, `${name}/SKILL.md`, { type: 'text/markdown' })] });
  const session = await sessions.create({ agent: agent.id, environment_id: environment.id, resources: [{ type: 'file', file_id: file.id }] });
  const [thread] = (await sessions.threads.list(session.id)).data;
  const [resource] = (await sessions.resources.list(session.id)).data;
  const invoked = await platform.request('POST', '/v1/invoke', { model: 'rehearsal/echo', input: name, mode: 'background' });
  const { id: invocation_id } = (await invoked.json()) as { id: string };
  return {
    agent_id: agent.id,
    environment_id: environment.id,
    file_id: file.id,
    vault_id: vault.id,
    credential_id: credential.id,
    skill_id: skill.id,
    version: skill.latest_version_id,
    session_id: session.id,
    thread_id: thread?.id ?? '',
    resource_id: resource && 'id' in resource ? resource.id : '',
    invocation_id,
  };
}

/** An environment with a queue, and a work item in it: what the paths of work need in place of a cloud environment. */
export async function plantWork(platform: Platform, name: string): Promise<Ids> {
  const { agents, environments, sessions } = platform.sdk.beta;
  const { id: environment_id } = await environments.create({ name: `${name}-self-hosted`, config: { type: 'self_hosted' } });
  const key = (await (await platform.request('POST', `/v1/environments/${environment_id}/keys`, {})).json()) as { id: string };
  const agent = await agents.create({ name, model: 'rehearsal/echo' });
  const session = await sessions.create({ agent: agent.id, environment_id });
  const sent = { events: [{ type: 'user.message' as const, content: [{ type: 'text' as const, text: 'Hello.' }] }] };
  await sessions.events.send(session.id, sent);
  const [work] = (await environments.work.list(environment_id)).data;
  return { environment_id, work_id: work?.id ?? '', key_id: key.id };
}
