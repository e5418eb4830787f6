import { expect } from 'vitest';
import type { Entries } from '../entry.js';
import { expectRefused } from '../expect-error.js';
import { readAll } from '../pages.js';
import { expectShape } from '../shape.js';
import { FILE_RESOURCE, REPOSITORY_RESOURCE, THREAD } from '../shapes.js';
import type { World } from '../world.js';

const REPOSITORY = { type: 'github_repository', url: 'https://github.com/example/repository', authorization_token: 'ghp_never-shown' } as const;

async function withFile({ session, upload }: World) {
  const file = await upload('content of a resource');
  const made = await session({ resources: [{ type: 'file', file_id: file.id }] });
  const [resource] = made.resources;
  if (resource?.type !== 'file') throw new Error('The session has no file resource.');
  return { file, session_id: made.id, resource };
}

async function withRepository({ session }: World) {
  const made = await session({ resources: [REPOSITORY] });
  const [resource] = made.resources;
  if (resource?.type !== 'github_repository') throw new Error('The session has no repository.');
  return { session_id: made.id, resource };
}

async function withThread({ client, session, turn, say }: World) {
  const { id: session_id, agent } = await session();
  await turn(session_id, say('Hello.'));
  const [thread] = (await client.beta.sessions.threads.list(session_id)).data;
  if (!thread) throw new Error('The session has no thread.');
  return { session_id, agent, thread };
}

export const resources: Entries = {
  'sessions.resources.add': {
    'attaches a copy of a file': async ({ client, session, upload }) => {
      const { id: session_id } = await session();
      const file = await upload('to be added');
      const resource = await client.beta.sessions.resources.add(session_id, { type: 'file', file_id: file.id, mount_path: '/mnt/session/uploads/added.txt' });
      expectShape(resource, FILE_RESOURCE);
      expect(resource.mount_path).toBe('/mnt/session/uploads/added.txt');
      expect(resource.file_id).not.toBe(file.id);
      expect((await client.beta.files.retrieveMetadata(resource.file_id)).scope).toEqual({ type: 'session', id: session_id });
      expect((await client.beta.sessions.retrieve(session_id)).resources).toMatchObject([{ id: resource.id, file_id: resource.file_id }]);
    },
  },
  'sessions.resources.retrieve': {
    'answers a file': async (world) => {
      const { session_id, resource, file } = await withFile(world);
      const found = await world.client.beta.sessions.resources.retrieve(resource.id, { session_id });
      if (found.type !== 'file') throw new Error('The resource is no file.');
      expectShape(found, FILE_RESOURCE);
      expect(found.mount_path).toBe(`/mnt/session/uploads/${file.id}`);
    },
    'answers a repository without its token': async (world) => {
      const { session_id, resource } = await withRepository(world);
      const found = await world.client.beta.sessions.resources.retrieve(resource.id, { session_id });
      if (found.type !== 'github_repository') throw new Error('The resource is no repository.');
      expectShape(found, REPOSITORY_RESOURCE);
      expect(found).toMatchObject({ url: REPOSITORY.url, mount_path: '/workspace/repository' });
      expect(JSON.stringify(found)).not.toContain('ghp_');
    },
  },
  'sessions.resources.update': {
    'takes a new token for a repository and does not show it': async (world) => {
      const { session_id, resource } = await withRepository(world);
      const updated = await world.client.beta.sessions.resources.update(resource.id, { session_id, authorization_token: 'ghp_second' });
      if (updated.type !== 'github_repository') throw new Error('The resource is no repository.');
      expectShape(updated, REPOSITORY_RESOURCE);
      expect(JSON.stringify(updated)).not.toContain('ghp_');
    },
    'refuses a token for a file with 400': async (world) => {
      const { session_id, resource } = await withFile(world);
      await expectRefused(world.client.beta.sessions.resources.update(resource.id, { session_id, authorization_token: 'ghp_x' }), 400);
    },
  },
  'sessions.resources.list': {
    'answers every resource, page by page': async (world) => {
      const { session_id } = await withFile(world);
      const second = await world.upload('another');
      await world.client.beta.sessions.resources.add(session_id, { type: 'file', file_id: second.id });
      const paths: (string | null | undefined)[] = [];
      for await (const resource of world.client.beta.sessions.resources.list(session_id, { limit: 1 })) paths.push(resource.mount_path);
      expect(new Set(paths).size).toBe(2);
      expect(paths).toContain(`/mnt/session/uploads/${second.id}`);
    },
  },
  'sessions.resources.delete': {
    'takes the resource away': async (world) => {
      const { session_id, resource } = await withFile(world);
      expect(await world.client.beta.sessions.resources.delete(resource.id, { session_id })).toMatchObject({
        id: resource.id,
        type: 'session_resource_deleted',
      });
      await expectRefused(world.client.beta.sessions.resources.retrieve(resource.id, { session_id }), 404);
      expect((await world.client.beta.sessions.retrieve(session_id)).resources).toEqual([]);
    },
  },
};

export const threads: Entries = {
  'sessions.threads.list': {
    'answers the primary thread': async (world) => {
      const { session_id, agent, thread } = await withThread(world);
      expectShape(thread, THREAD);
      expect(thread).toMatchObject({ session_id, parent_thread_id: null, status: 'idle', workflow_run_id: null, agent: { id: agent.id, type: 'agent' } });
    },
    'filters by status': async (world) => {
      const { session_id, thread } = await withThread(world);
      const idsOf = async (statuses: ('idle' | 'running')[]) =>
        (await readAll(world.client.beta.sessions.threads.list(session_id, { statuses }))).map(({ id }) => id);
      expect(await idsOf(['idle'])).toEqual([thread.id]);
      expect(await idsOf(['running'])).toEqual([]);
    },
  },
  'sessions.threads.retrieve': {
    'answers the thread with its usage': async (world) => {
      const { session_id, thread } = await withThread(world);
      const found = await world.client.beta.sessions.threads.retrieve(thread.id, { session_id });
      expectShape(found, THREAD);
      expect(found.id).toBe(thread.id);
      expect(found.usage?.output_tokens).toBeGreaterThan(0);
    },
    'refuses another session with 404': async (world) => {
      const { thread } = await withThread(world);
      await expectRefused(world.client.beta.sessions.threads.retrieve(thread.id, { session_id: (await world.session()).id }), 404);
    },
  },
  'sessions.threads.archive': {
    'refuses to archive the primary thread with 400': async (world) => {
      const { session_id, thread } = await withThread(world);
      await expectRefused(world.client.beta.sessions.threads.archive(thread.id, { session_id }), 400);
      expect((await world.client.beta.sessions.retrieve(session_id)).status).toBe('idle');
    },
  },
  'sessions.threads.events.list': {
    'answers the events of the session': async (world) => {
      const { session_id, thread } = await withThread(world);
      const ofThread = await readAll(world.client.beta.sessions.threads.events.list(thread.id, { session_id, limit: 2 }));
      const ofSession = await readAll(world.client.beta.sessions.events.list(session_id));
      expect(ofThread).toEqual(ofSession);
    },
  },
  'sessions.threads.events.stream': {
    'shows the events of the session as they come': async (world) => {
      const { session_id, thread } = await withThread(world);
      const stream = await world.client.beta.sessions.threads.events.stream(thread.id, { session_id });
      await world.client.beta.sessions.events.send(session_id, { events: world.say('Again.') });
      const types: string[] = [];
      for await (const event of stream) {
        types.push(event.type);
        if (event.type === 'session.status_idle' || event.type === 'session.thread_status_idle') break;
      }
      expect(types).toContain('agent.message');
    },
  },
};
