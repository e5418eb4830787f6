import { createReadStream } from 'node:fs';
import { type RequestOptions, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

/** The few calls to a Docker daemon that starting it needs; the sandboxes have their own adapter. */
export interface DockerEngine {
  hasImage(name: string): Promise<boolean>;
  /** Makes an image of a root file system's tar archive. */
  importImage(archive: string, name: string): Promise<void>;
  /** Ends every container at once and removes it. */
  removeAllContainers(): Promise<void>;
}

/** @param address `unix:///…` or `tcp://host:port` */
export function dockerEngine(address: string): DockerEngine {
  const url = new URL(address);
  const target: RequestOptions = url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: url.port || 2375 };

  const call = async (method: string, path: string, body?: string): Promise<{ status: number; text: string }> => {
    const outgoing = request({ ...target, method, path });
    const incoming = new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      outgoing.once('error', reject);
    });
    if (body === undefined) outgoing.end();
    else await pipeline(createReadStream(body), outgoing);
    const response = await incoming;
    const text = (await buffer(response)).toString();
    return { status: response.statusCode ?? 0, text };
  };

  const expectSuccess = async (method: string, path: string, body?: string): Promise<string> => {
    const { status, text } = await call(method, path, body);
    // Long-running calls answer 200 at once and say in a later line that they failed.
    if (status >= 400 || text.includes('"errorDetail"')) throw new Error(`Docker refused ${method} ${path} (${status}): ${text.trim()}`);
    return text;
  };

  return {
    hasImage: async (name) => (await call('GET', `/images/${encodeURIComponent(name)}/json`)).status === 200,
    importImage: async (archive, name) => {
      const [repository = name, tag = 'latest'] = name.split(':');
      const query = new URLSearchParams({ fromSrc: '-', repo: repository, tag });
      await expectSuccess('POST', `/images/create?${query}`, archive);
    },
    removeAllContainers: async () => {
      const containers = JSON.parse(await expectSuccess('GET', '/containers/json?all=true')) as { Id: string }[];
      await Promise.all(containers.map(({ Id }) => call('DELETE', `/containers/${Id}?force=true&v=true`)));
    },
  };
}
