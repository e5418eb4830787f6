import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';
import { INVOKE_EXAMPLES } from '../invoke/invoke.examples.js';
import { ErrorEnvelopeSchema } from './api-docs.js';

const INTRODUCTION = `Rondo runs the whole reason-act loop of an agent: durably, in an isolated sandbox, with one trace.

* **invoke** is the product in one call: model, system prompt, tools and input.
* **agents, environments, sessions, events** follow the Managed Agents wire, so the official SDK works with a changed base URL.
* Every answer carries a \`request-id\`. Errors have one shape: \`{"type":"error","error":{"type","message"},"request_id"}\`.

Authorize with the API key of the workspace, as a bearer token or in \`x-api-key\`.`;

/** Serves the OpenAPI 3.1 document at /docs-json and its page at /docs. */
export function serveDocs(app: NestExpressApplication): void {
  const settings = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Rondo')
    .setDescription(INTRODUCTION)
    .setVersion('1')
    .addTag('invoke', 'The whole product in one call')
    .addTag('agents', 'What runs: model, system prompt, tools')
    .addTag('environments', 'Where it runs')
    .addTag('work', 'What waits for the workers of a self-hosted environment, and their keys')
    .addTag('sessions', 'One conversation with its workspace')
    .addTag('events', 'What happened, as a list and as a stream')
    .addTag('vaults', 'Secrets that sessions use and never see')
    .addTag('trace', 'Every attempt of every step')
    .addTag('health', 'Open to everyone')
    .addBearerAuth({ type: 'http', scheme: 'bearer' }, 'key')
    .addSecurityRequirements('key')
    .build();
  const document = SwaggerModule.createDocument(app, settings, { standardSchemaConverter: toOpenApi });
  polish(document);
  SwaggerModule.setup('docs', app, document, {
    customSiteTitle: 'Rondo API',
    customCss: '.swagger-ui .topbar { display: none }',
    jsonDocumentUrl: 'docs-json',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true, tryItOutEnabled: true, defaultModelsExpandDepth: 0 },
  });
}

/** What the decorators cannot say: how lists and ranges are written in a query, what errors look like, and examples. */
function polish(document: OpenAPIObject): void {
  const error = toOpenApi(ErrorEnvelopeSchema, { schemaType: 'output' });
  document.components = { ...document.components, schemas: { ...document.components?.schemas, ...(error && { Error: error.schema as SchemaObject }) } };
  const failure = { description: 'Any failure', content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } };
  for (const item of Object.values(document.paths)) {
    for (const operation of [item.get, item.post, item.delete]) {
      if (!operation) continue;
      operation.responses['default'] ??= failure;
      for (const parameter of operation.parameters ?? []) {
        if (!('in' in parameter) || parameter.in !== 'query' || !parameter.schema || !('type' in parameter.schema)) continue;
        if (parameter.schema.type === 'array') Object.assign(parameter, { name: `${parameter.name}[]`, style: 'form', explode: true });
        if (parameter.schema.type === 'object') Object.assign(parameter, { style: 'deepObject', explode: true });
      }
    }
  }
  const body = document.paths['/v1/invoke']?.post?.requestBody;
  const json = body && 'content' in body ? body.content['application/json'] : undefined;
  if (json) json.examples = INVOKE_EXAMPLES;
}

type SchemaObject = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

function toOpenApi(schema: unknown, { schemaType }: { schemaType: 'input' | 'output' }) {
  if (!(schema instanceof z.ZodType)) return undefined;
  const { $schema: _dialect, $defs, ...converted } = z.toJSONSchema(schema, { io: schemaType, target: 'draft-2020-12', unrepresentable: 'any' });
  return { schema: converted, components: $defs ?? {} };
}
