import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';
import { ErrorEnvelopeSchema } from './api-docs.js';
import { polish } from './openapi-polish.js';

const INTRODUCTION = `Rondo runs the whole reason-act loop of an agent: durably, in an isolated sandbox, with one trace.

* **invoke** is the product in one call: model, system prompt, tools and input.
* **agents, environments, sessions, events** and the rest follow the Managed Agents wire, so the official SDK works with a changed base URL.
* What the wire has and Rondo does not have yet answers 501 and is not listed here.
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
    .addTag('threads', 'Strands of one session; so far its primary one')
    .addTag('files', 'What is given to sessions, and what they leave')
    .addTag('skills', 'Instructions and programs that agents use when they need them')
    .addTag('vaults', 'Secrets that sessions use and never see')
    .addTag('trace', 'Every attempt of every step, and everything that was asked of the outside')
    .addTag('health', 'Open to everyone')
    .addBearerAuth({ type: 'http', scheme: 'bearer' }, 'key')
    .addApiKey({ type: 'apiKey', name: 'x-api-key', in: 'header' }, 'x-api-key')
    .addSecurityRequirements('key')
    .addSecurityRequirements('x-api-key')
    .build();
  const document = SwaggerModule.createDocument(app, settings, { standardSchemaConverter: toOpenApi });
  addErrorSchema(document);
  polish(document);
  SwaggerModule.setup('docs', app, document, {
    customSiteTitle: 'Rondo API',
    customCss: '.swagger-ui .topbar { display: none }',
    jsonDocumentUrl: 'docs-json',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true, tryItOutEnabled: true, defaultModelsExpandDepth: 0 },
  });
}

/** The envelope of errors, which no decorator names. */
function addErrorSchema(document: OpenAPIObject): void {
  const error = toOpenApi(ErrorEnvelopeSchema, { schemaType: 'output' });
  document.components = { ...document.components, schemas: { ...document.components?.schemas, ...(error?.components as Record<string, SchemaObject>) } };
}

type SchemaObject = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

function toOpenApi(schema: unknown, { schemaType }: { schemaType: 'input' | 'output' }) {
  if (!(schema instanceof z.ZodType)) return undefined;
  const { $schema: _dialect, $defs, ...converted } = z.toJSONSchema(schema, { io: schemaType, target: 'draft-2020-12', unrepresentable: 'any' });
  return { schema: converted, components: $defs ?? {} };
}
