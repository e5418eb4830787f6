import { z } from 'zod';

/** Queries arrive as text, with `name[]=…` and `name[op]=…` already grouped. Keys that are not known are ignored. */

/** A whole number as text. */
export const wholeNumber = (minimum: number, maximum: number) => {
  const accepted = `must be a whole number from ${minimum} to ${maximum}`;
  return z
    .string(accepted)
    .regex(/^\d{1,10}$/, accepted)
    .meta({ type: 'integer', minimum, maximum, pattern: undefined })
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, accepted);
};

const flag = z
  .enum(['true', 'false'], 'must be true or false')
  .default('false')
  .transform((value) => value === 'true');

const time = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-22T21:00:00Z' }).transform((value) => new Date(value));

/** Bounds on a time, each of which is given as `created_at[gte]=…`. */
const timeRange = <Bound extends 'gt' | 'gte' | 'lt' | 'lte'>(...bounds: readonly Bound[]) => {
  const shape = Object.fromEntries(bounds.map((bound) => [bound, time.optional()])) as Record<Bound, ReturnType<typeof time.optional>>;
  return z.strictObject(shape, `must be given as created_at[${bounds.join('], created_at[')}]`).optional();
};

/** What the SDK writes for null: `name=`, the same as nothing. */
export const nullable = <Item extends z.ZodType>(item: Item) => z.preprocess((value) => (value === '' ? undefined : value), item.optional());

/** One value or several, as `name=a` or `name[]=a&name[]=b`. */
export const several = <Item extends z.ZodType>(item: Item) =>
  z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(item).max(1_000).optional());

const order = (preset: 'asc' | 'desc') => z.enum(['asc', 'desc'], 'must be asc or desc').default(preset);

/** Where a page begins, as an earlier one named it. */
export const cursor = z.string('must be a cursor from next_page or prev_page').min(1).max(1_000).optional();

export const paged = (preset: number, maximum: number) => ({
  limit: wholeNumber(1, maximum).default(preset),
  page: cursor,
});

export const AgentListQuery = z.object({ ...paged(20, 100), created_at: timeRange('gte', 'lte'), include_archived: flag });

export const AgentRetrieveQuery = z.object({ version: wholeNumber(1, 2_147_483_647).optional() });

export const AgentVersionListQuery = z.object(paged(20, 100));

export const EnvironmentListQuery = z.object({ ...paged(20, 100), include_archived: flag });

/** Of vaults, and of the credentials of one. */
export const VaultListQuery = z.object({ ...paged(20, 100), include_archived: flag });

export const SessionListQuery = z.object({
  ...paged(20, 100),
  agent_id: z.string().optional(),
  agent_version: wholeNumber(1, 2_147_483_647).optional(),
  deployment_id: z.string().optional(),
  memory_store_id: z.string().optional(),
  statuses: several(z.enum(['idle', 'running', 'rescheduling', 'terminated'], 'must be idle, running, rescheduling or terminated')),
  created_at: timeRange('gt', 'gte', 'lt', 'lte'),
  include_archived: flag,
  order: order('desc'),
});

export const ResourceListQuery = z.object(paged(20, 100));

export const ThreadListQuery = z.object({
  ...paged(20, 100),
  statuses: several(z.enum(['idle', 'running', 'rescheduling', 'terminated'], 'must be idle, running, rescheduling or terminated')),
});

export const EventListQuery = z.object({
  ...paged(1_000, 1_000),
  types: several(z.string().min(1).max(100)),
  created_at: timeRange('gt', 'gte', 'lt', 'lte'),
  order: order('asc'),
});

export const EventStreamQuery = z.object({
  event_deltas: several(z.enum(['agent.message', 'agent.thinking', 'rondo.tool_output'], 'must be agent.message, agent.thinking or rondo.tool_output')),
  after: wholeNumber(0, 9_999_999_999).optional(),
});

export const TraceQuery = z.object(paged(1_000, 1_000));

/** Of the audit of a session's network requests, or of the workspace's. The times are those at which requests ended. */
export const NetworkRequestListQuery = z.object({ ...paged(100, 1_000), created_at: timeRange('gt', 'gte', 'lt', 'lte'), order: order('asc') });

export type AgentRetrieveQuery = z.output<typeof AgentRetrieveQuery>;
export type AgentListQuery = z.output<typeof AgentListQuery>;
export type AgentVersionListQuery = z.output<typeof AgentVersionListQuery>;
export type EnvironmentListQuery = z.output<typeof EnvironmentListQuery>;
export type VaultListQuery = z.output<typeof VaultListQuery>;
export type SessionListQuery = z.output<typeof SessionListQuery>;
export type ResourceListQuery = z.output<typeof ResourceListQuery>;
export type ThreadListQuery = z.output<typeof ThreadListQuery>;
export type EventListQuery = z.output<typeof EventListQuery>;
export type EventStreamQuery = z.output<typeof EventStreamQuery>;
export type TraceQuery = z.output<typeof TraceQuery>;
export type NetworkRequestListQuery = z.output<typeof NetworkRequestListQuery>;
