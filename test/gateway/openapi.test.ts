import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from './gateway.fixture.js';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
  readonly schema: { readonly type?: string; readonly minimum?: number; readonly maximum?: number; readonly properties?: object };
}

/** What a field may be made of; `properties` of records and what callers write freely do not count. */
interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema?: Schema; readonly examples?: Readonly<Record<string, { readonly value: object }>> }>>;
  };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}

let gateway: TestGateway;
let operations: [string, Operation][];
let document: {
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

beforeAll(async () => {
  gateway = await startTestGateway();
  document = (await gateway.request('GET', '/docs-json')).body;
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): [string, Operation] => [`${method.toUpperCase()} ${path}`, operation]),
  );
});
afterAll(() => gateway?.stop());

const without = (missing: (operation: Operation, name: string) => boolean) =>
  operations.filter(([name, operation]) => missing(operation, name)).map(([name]) => name);
const operation = (name: string) => operations.find(([other]) => other === name)?.[1];
const parameter = (name: string, of: string) => operation(of)?.parameters?.find((other) => other.name === name);

const resolve = (schema: Schema): Schema => ({ ...document.components.schemas[schema.$ref?.split('/').at(-1) ?? ''], ...schema });

/** Every field of a schema at every depth, by its path. What a caller writes freely (`input_schema`) is not looked into. */
function fieldsOf(schema: Schema, path: string, above: readonly string[] = []): [string, Schema][] {
  if (schema.$ref && above.includes(schema.$ref)) return [];
  const seen = schema.$ref ? [...above, schema.$ref] : above;
  const { properties = {}, items, oneOf = [], anyOf = [], allOf = [] } = resolve(schema);
  return [
    ...Object.entries(properties).flatMap(([name, field]): [string, Schema][] => [
      [`${path} ${name}`, resolve(field)],
      ...(name === 'input_schema' ? [] : fieldsOf(field, `${path} ${name}`, seen)),
    ]),
    ...(items ? fieldsOf(items, `${path}[]`, seen) : []),
    ...[...oneOf, ...anyOf, ...allOf].flatMap((branch) => fieldsOf(branch, path, seen)),
  ];
}

const isFixed = (field: Schema): boolean => 'const' in field || field.enum?.length === 1;

describe('the OpenAPI document', () => {
  it('gives every route a tag that it explains, a summary, an answer with content, and the shape of failures', () => {
    const tags = new Set(document.tags.map(({ name }) => name));
    expect(operations.length).toBeGreaterThan(60);
    expect(without(({ tags: used }) => !used?.length || used.some((tag) => !tags.has(tag)))).toEqual([]);
    expect(without(({ summary }) => !summary)).toEqual([]);
    expect(without(({ responses }, name) => !name.startsWith('HEAD') && Object.keys(responses['200']?.content ?? {}).length === 0)).toEqual([]);
    expect(without(({ responses }) => JSON.stringify(responses['default']?.content).includes('schemas/Error') === false)).toEqual([]);
  });

  it('explains every part of a path and of a query', () => {
    const parts = operations.flatMap(([name, { parameters = [] }]) => parameters.filter((part) => part.in !== 'header').map((part) => ({ name, part })));
    expect(parts.length).toBeGreaterThan(100);
    expect(parts.filter(({ part }) => !part.description).map(({ name, part }) => `${name} ${part.in} ${part.name}`)).toEqual([]);
  });

  it('explains every field of every body, at every depth', () => {
    const fields = operations.flatMap(([name, { requestBody }]) =>
      Object.values(requestBody?.content ?? {}).flatMap(({ schema }) => (schema ? fieldsOf(schema, name) : [])),
    );
    expect(fields.length).toBeGreaterThan(500);
    expect([...new Set(fields.filter(([, field]) => !field.description && !isFixed(field)).map(([path]) => path))]).toEqual([]);
  });

  it('has the body of every POST that takes one', () => {
    const bodiless = /\/(archive|kill|ack|heartbeat|revoke|mcp_oauth_validate)$/;
    expect(without(({ requestBody }, name) => name.startsWith('POST') && !requestBody && !bodiless.test(name))).toEqual([]);
  });

  it('has an example of every JSON body, and none that would be refused as it is written', async () => {
    expect(
      without(({ requestBody }) => Object.entries(requestBody?.content ?? {}).some(([type, { examples }]) => type === 'application/json' && !examples)),
    ).toEqual([]);
    const refused: unknown[] = [];
    for (const [name, { requestBody }] of operations)
      for (const [example, { value }] of Object.entries(requestBody?.content['application/json']?.examples ?? {})) {
        const path = name.replace('POST ', '').replaceAll(/\{(\w+)\}/g, '$1_that_is_not_there');
        const { status, body } = await gateway.request('POST', path, path === '/v1/invoke' ? { ...value, mode: 'background' } : value);
        const isKnown = status === 404 || status < 300 || /provider of claude-\S+ is not configured/.test(body.error.message);
        if (!isKnown) refused.push({ name, example, status, body });
      }
    expect(refused).toEqual([]);
  });

  it('says which routes are open to everyone', () => {
    expect(without(({ security }) => security?.length === 0)).toEqual(['GET /healthz', 'GET /readyz']);
  });

  it('says how a query is written and what it accepts', () => {
    expect(parameter('limit', 'GET /v1/sessions')).toMatchObject({ schema: { type: 'integer', minimum: 1, maximum: 100 }, description: expect.any(String) });
    expect(parameter('statuses[]', 'GET /v1/sessions')).toMatchObject({ schema: { type: 'array' } });
    expect(Object.keys(parameter('created_at', 'GET /v1/agents')?.schema.properties ?? {})).toEqual(['gte', 'lte']);
  });

  it('tells a stream and a download from JSON', () => {
    const kinds = (name: string) => Object.keys(operation(name)?.responses['200']?.content ?? {});
    expect(kinds('GET /v1/sessions/{session_id}/events/stream')).toEqual(['text/event-stream']);
    expect(kinds('POST /v1/invoke')).toEqual(['application/json', 'text/event-stream']);
    expect(Object.keys(operation('POST /v1/invoke')?.responses['202']?.content ?? {})).toEqual(['application/json']);
    expect(kinds('GET /v1/files/{file_id}/content')).toEqual(['*/*']);
  });
});
