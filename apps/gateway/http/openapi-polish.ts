import type { OpenAPIObject } from '@nestjs/swagger';
import { BODY_EXAMPLES } from './body-examples.js';

/** What the parts of a path name. */
const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  agent_id: 'Id of an agent, agent_…',
  credential_id: 'Id of a credential, vcrd_…',
  environment_id: 'Id of an environment, env_…',
  file_id: 'Id of a file, file_…',
  invocation_id: 'Id of an invocation, inv_…',
  key_id: "Id of an environment's key, envkey_…",
  path: 'Path of a file below /workspace; slashes in it stay as they are',
  resource_id: 'Id of something attached to a session, sesrsc_…',
  session_id: 'Id of a session, sesn_…',
  skill_id: 'Id of a skill, skill_…',
  thread_id: 'Id of a thread, sthr_…',
  vault_id: 'Id of a vault, vlt_…',
  version: 'Id of a version, skillver_…, or latest',
  work_id: 'Id of a work item, work_…',
};

const QUERY_PARAMETERS: Readonly<Record<string, string>> = {
  limit: 'Most items of one page; a page of heavy items has fewer',
  page: 'Where to go on: next_page or prev_page as it was answered, with the same order and filters',
  include_archived: 'Whether archived ones are listed, too',
  created_at: 'Bounds on the time of creation; for events on the time of processing, for network requests on the time of their end',
  order: 'asc is oldest first, desc newest first',
  agent_id: 'Only sessions of this agent',
  agent_version: 'Only sessions of this version of their agent',
  deployment_id: 'Finds nothing: there are no deployments here',
  memory_store_id: 'Only sessions that this memory store is attached to',
  statuses: 'Only those in one of these states; an idle session with inputs waiting counts as running',
  types: 'Only events of these types',
  event_deltas: 'What a stream also has while it comes: text of messages, that the model thinks, what running commands print',
  after: 'Number of an event, as in its id line: a stream begins behind it, otherwise with what comes now. Last-Event-ID goes first',
  ids: 'Only these files, at most 100 in one page; not together with limit and page',
  scope_id: 'Only files of this session',
  source: 'Only skills from there; all of this workspace are custom',
  version: 'A version of the agent; its newest where none is given',
  block_ms: 'Milliseconds to wait for work; not at all where none are given',
  reclaim_older_than_ms: 'Milliseconds after which an offer without acknowledgement is made again; 5000 where none are given',
  expected_last_heartbeat: 'The last heartbeat as it was answered, NO_HEARTBEAT for the first; not compared where none is given',
  desired_ttl_seconds: 'Seconds that the lease is to last, brought to 30 to 600; RONDO_WORK_LEASE_SECONDS (300) where none are given',
};

const header = (description: string) => ({ description, schema: { type: 'string' as const } });

const FAILURE = {
  description: 'Any failure',
  headers: {
    'request-id': header('Id of the request, the same as in the body'),
    'x-should-retry': header('false where repeating the request is useless'),
    'retry-after': header('Seconds to wait, with 429 and 503'),
  },
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
};

const EVENT_STREAM = { 'text/event-stream': { schema: { type: 'string' as const, description: 'Server-sent events' } } };
const BYTES = { '*/*': { schema: { type: 'string' as const, format: 'binary' } } };

/** Adds what the decorators cannot say: how lists and ranges are written in a query, what is not JSON, what errors look like, and examples. */
export function polish(document: OpenAPIObject): void {
  for (const [path, item] of Object.entries(document.paths)) {
    addExamples(path, item.post);
    for (const operation of [item.get, item.put, item.head, item.post, item.delete]) {
      if (!operation) continue;
      operation.responses['default'] ??= FAILURE;
      if (!path.startsWith('/v1/')) operation.security = [];
      for (const parameter of operation.parameters ?? []) if ('in' in parameter) describeParameter(parameter);
      const answer = operation.responses['200'];
      if (!answer || 'content' in answer || !('description' in answer)) continue;
      if (path.endsWith('/stream')) answer.content = EVENT_STREAM;
      if (path.endsWith('/content') || (operation === item.get && path.endsWith('/workspace/{path}'))) answer.content = BYTES;
    }
  }
  polishInvoke(document);
  polishExport(document);
}

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']>;
type Parameter = Extract<NonNullable<Operation['parameters']>[number], { in: string }>;

function describeParameter(parameter: Parameter): void {
  const known = parameter.in === 'path' ? PATH_PARAMETERS : parameter.in === 'query' ? QUERY_PARAMETERS : {};
  const description = known[parameter.name];
  if (description) parameter.description = description;
  if (parameter.in !== 'query' || !parameter.schema || !('type' in parameter.schema)) return;
  if (parameter.schema.type === 'array') Object.assign(parameter, { name: `${parameter.name}[]`, style: 'form', explode: true });
  if (parameter.schema.type === 'object') Object.assign(parameter, { style: 'deepObject', explode: true });
}

function addExamples(path: string, operation: Operation | undefined): void {
  const body = operation?.requestBody;
  const json = body && 'content' in body ? body.content['application/json'] : undefined;
  const examples = BODY_EXAMPLES[path];
  if (json && examples) json.examples = examples;
}

function polishInvoke({ paths }: OpenAPIObject): void {
  const operation = paths['/v1/invoke']?.post;
  for (const status of ['200', '202']) {
    const answer = operation?.responses[status];
    if (!answer || !('content' in answer) || !answer.content) continue;
    const { 'text/event-stream': _asJson, ...content } = answer.content;
    answer.content = status === '200' ? { ...content, ...EVENT_STREAM } : content;
  }
}

/** The same items as in the list, without the list around them. */
function polishExport({ paths }: OpenAPIObject): void {
  for (const [path, item] of Object.entries(paths)) {
    const answer = path.endsWith('/network_requests') ? item.get?.responses['200'] : undefined;
    if (answer && 'content' in answer && answer.content)
      answer.content['application/x-ndjson'] = { schema: { type: 'string', description: 'One item in each line' } };
  }
}
