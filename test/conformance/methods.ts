import type Anthropic from '@anthropic-ai/sdk';

/** A method by its path below `client.beta`, for example `sessions.events.send`. */
export type MethodPath = string;

type Callable = (...words: unknown[]) => unknown;
type Resource = Record<string, unknown>;

/** Every public method of a resource and of the resources below it, found by looking at the objects the SDK makes. */
function methodsOf(resource: object, path: string): MethodPath[] {
  const own = namesOfMethods(resource).map((name) => `${path}.${name}`);
  const below = resourcesOf(resource).flatMap(([name, child]) => methodsOf(child, `${path}.${name}`));
  return [...own, ...below];
}

/** The resources directly below `client.beta`. */
export const familiesOf = (client: Anthropic): string[] => resourcesOf(client.beta).map(([name]) => name);

/** Every method of one family of `client.beta`. */
export function methodsOfFamily(client: Anthropic, family: string): MethodPath[] {
  const found = resourcesOf(client.beta).find(([name]) => name === family);
  if (!found) throw new Error(`The SDK has no client.beta.${family}.`);
  return methodsOf(found[1], family);
}

/** Has the client note in `called` each method of `client.beta` that is called through it. */
export function watch(client: Anthropic, called: Set<MethodPath>): Anthropic {
  for (const [name, resource] of resourcesOf(client.beta)) watchBelow(resource, name, called);
  return client;
}

/** The method itself, bound to its resource, for a call with words nobody typed. */
export function methodAt(client: Anthropic, path: MethodPath): Callable {
  const names = path.split('.');
  const last = names.pop() ?? '';
  const resource = names.reduce<Resource>((at, name) => at[name] as Resource, client.beta as unknown as Resource);
  return (resource[last] as Callable).bind(resource);
}

function watchBelow(resource: Resource, path: string, called: Set<MethodPath>): void {
  for (const name of namesOfMethods(resource)) {
    const method = (resource[name] as Callable).bind(resource);
    resource[name] = (...words: unknown[]) => {
      called.add(`${path}.${name}`);
      return method(...words);
    };
  }
  for (const [name, child] of resourcesOf(resource)) watchBelow(child, `${path}.${name}`, called);
}

/** Methods stand on the class; an underscore marks what is not for callers. */
function namesOfMethods(resource: object): string[] {
  const prototype = Object.getPrototypeOf(resource) as Resource;
  return Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor' && !name.startsWith('_') && typeof prototype[name] === 'function');
}

function resourcesOf(resource: object): [string, Resource][] {
  return Object.entries(resource).filter((entry): entry is [string, Resource] => entry[0] !== '_client' && typeof entry[1] === 'object' && entry[1] !== null);
}
