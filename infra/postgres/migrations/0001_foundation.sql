-- Workspaces, keys, agents, environments, sessions, the event log and everything that hangs on it.
-- Every table carries its workspace; row-level security is forced, so that a query which forgets it sees nothing.

create function current_workspace() returns text
  language sql stable
  as $$ select nullif(current_setting('rondo.workspace_id', true), '') $$;

create table workspaces (
  id text primary key,
  name text not null unique,
  created_at timestamptz not null default now()
);

create table api_keys (
  id text primary key,
  workspace_id text not null references workspaces (id),
  name text not null,
  key_hash bytea not null unique,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);

create table agents (
  id text primary key,
  workspace_id text not null references workspaces (id),
  latest_version integer not null,
  -- Set for agents made from an inline definition of an invocation; found again by it.
  inline_hash text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  archived_at timestamptz,
  unique (workspace_id, inline_hash)
);

create table agent_versions (
  agent_id text not null references agents (id),
  workspace_id text not null references workspaces (id),
  version integer not null,
  -- The resolved wire fields: name, description, model, system, tools, mcp_servers, skills, multiagent, metadata.
  definition jsonb not null,
  created_at timestamptz not null default now(),
  primary key (agent_id, version)
);

create table environments (
  id text primary key,
  workspace_id text not null references workspaces (id),
  name text not null,
  description text,
  config jsonb not null,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  archived_at timestamptz
);
create unique index environments_name on environments (workspace_id, name) where archived_at is null;

create table sessions (
  id text primary key,
  workspace_id text not null references workspaces (id),
  agent_id text not null references agents (id),
  agent_version integer not null,
  -- The wire's resolved agent snapshot.
  agent jsonb not null,
  environment_id text not null references environments (id),
  primary_thread_id text not null,
  title text,
  metadata jsonb not null default '{}',
  status text not null default 'idle' check (status in ('idle', 'running', 'rescheduling', 'terminated')),
  stop_reason jsonb,
  -- Limits of one turn: max_steps, max_tokens, max_seconds.
  limits jsonb not null default '{}',
  -- epoch * 2^24 + step; see workflows/contract/fence.ts.
  fence bigint not null default 0,
  last_seq bigint not null default 0,
  turn integer not null default 0,
  turn_started_at timestamptz,
  turn_usage jsonb not null
    default '{"input_tokens":0,"output_tokens":0,"cache_read_input_tokens":0,"cache_creation_input_tokens":0,"steps":0}',
  usage jsonb not null
    default '{"input_tokens":0,"output_tokens":0,"cache_read_input_tokens":0,"cache_creation_input_tokens":0,"steps":0}',
  -- Whether the model owes an answer to what stands in the log.
  model_due boolean not null default false,
  wake_needed boolean not null default false,
  wake_attempts integer not null default 0,
  wake_next_at timestamptz,
  -- Running time, in milliseconds, without the running stretch that began at running_since.
  active_ms bigint not null default 0,
  running_since timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  archived_at timestamptz,
  terminated_at timestamptz
);
create index sessions_recent on sessions (workspace_id, created_at desc, id desc);
create index sessions_wake on sessions (wake_next_at) where wake_needed;

create table inbox (
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  position bigint generated always as identity,
  id text not null unique,
  type text not null,
  body jsonb not null,
  created_at timestamptz not null default now(),
  primary key (session_id, position)
);

create table events (
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  seq bigint not null,
  id text not null unique,
  type text not null,
  -- The wire object without id, type and processed_at.
  body jsonb not null,
  -- What only the model adapter needs: thinking text and signature, the provider's own tool call id.
  provider jsonb,
  processed_at timestamptz not null default clock_timestamp(),
  primary key (session_id, seq)
);

create table tool_calls (
  id text primary key,
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  step bigint not null,
  ordinal integer not null,
  name text not null,
  kind text not null check (kind in ('sandbox', 'custom', 'rejected')),
  permission text not null check (permission in ('allow', 'ask', 'deny')),
  -- Until when a person may decide; then it is denied.
  decide_by timestamptz,
  decision text check (decision in ('allow', 'deny')),
  decided_by text,
  deny_message text,
  decided_at timestamptz,
  finished_at timestamptz
);
create index tool_calls_open on tool_calls (session_id, step, ordinal) where finished_at is null;

-- One row per effect: claimed before acting, sealed with its result.
create table effects (
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  key text not null,
  attempt integer not null,
  generation integer,
  start_event_id text,
  result jsonb,
  claimed_at timestamptz not null default now(),
  sealed_at timestamptz,
  primary key (session_id, key)
);

-- The trace: one row per attempt of every step.
create table attempts (
  id text primary key,
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  turn integer not null,
  step bigint not null,
  kind text not null check (kind in (
    'model_call', 'tool_call', 'settle', 'seal', 'sandbox_start', 'sandbox_release', 'approval',
    'compaction', 'credential_mint', 'memory_read', 'memory_write', 'mcp_call', 'http_call', 'web_fetch', 'web_search',
    'resource_mount', 'checkpoint', 'restore', 'egress', 'grader', 'subagent')),
  name text not null,
  key text not null,
  attempt integer not null,
  retried_because text,
  outcome text check (outcome in ('ok', 'error', 'lost', 'superseded', 'interrupted', 'rejected')),
  error_code text,
  error_message text,
  usage jsonb,
  detail jsonb,
  started_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz
);
create index attempts_of_session on attempts (session_id, started_at, id);
create index attempts_of_effect on attempts (session_id, key);

create table invocations (
  id text primary key,
  workspace_id text not null references workspaces (id),
  session_id text not null references sessions (id) on delete cascade,
  input_event_id text not null,
  idempotency_key text,
  request_hash text,
  status text not null default 'queued'
    check (status in ('queued', 'running', 'requires_action', 'completed', 'failed', 'interrupted', 'killed')),
  stop_reason jsonb,
  output jsonb,
  usage jsonb,
  steps integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  started_at timestamptz,
  first_model_request_at timestamptz,
  ended_at timestamptz,
  unique (workspace_id, idempotency_key)
);
create index invocations_open on invocations (session_id) where ended_at is null;

-- One row per session that ever had a sandbox. Kept after the session is deleted until the sandbox is gone.
create table sandboxes (
  session_id text primary key,
  workspace_id text not null references workspaces (id),
  generation integer not null,
  name text not null,
  engine text not null,
  runtime text not null,
  isolation text not null,
  state text not null check (state in ('starting', 'ready', 'released')),
  updated_at timestamptz not null default now()
);

-- Text on its way, for clients that opted in; dropped when the final event commits.
create unlogged table deltas (
  session_id text not null,
  workspace_id text not null,
  position bigint generated always as identity,
  event_id text not null,
  event_type text not null,
  attempt integer not null,
  block integer not null,
  text text not null,
  primary key (session_id, position)
);
create index deltas_of_event on deltas (event_id);

do $$
declare name text;
begin
  foreach name in array array['api_keys', 'agents', 'agent_versions', 'environments', 'sessions', 'inbox', 'events',
    'tool_calls', 'effects', 'attempts', 'invocations', 'sandboxes', 'deltas']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy own_workspace on %I using (workspace_id = current_workspace()) with check (workspace_id = current_workspace())', name);
    execute format('grant select, insert, update, delete on %I to rondo_app', name);
  end loop;
end $$;
-- The functions below run as the owner, who may not be a superuser.
do $$
declare name text;
begin
  foreach name in array array['api_keys', 'sessions', 'sandboxes']
  loop
    execute format('create policy owner_functions on %I to %I using (true) with check (true)', name, current_user);
  end loop;
end $$;
alter table workspaces enable row level security;
alter table workspaces force row level security;
create policy own_workspace on workspaces using (id = current_workspace());
do $$ begin execute format('create policy owner_functions on workspaces to %I using (true) with check (true)', current_user); end $$;
grant select on workspaces to rondo_app;

-- The three questions that must be asked before a workspace is known. Each answers ids only.
create function workspace_of_key(hash bytea) returns table (key_id text, workspace_id text)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$ select k.id, k.workspace_id from api_keys k where k.key_hash = hash and k.revoked_at is null $$;

create function sessions_to_wake(most integer) returns table (session_id text, workspace_id text)
  language sql security definer set search_path = pg_catalog, public, pg_temp
  as $$
    update sessions s
    set wake_attempts = s.wake_attempts + 1,
        wake_next_at = now() + least(interval '10 minutes', interval '5 seconds' * power(2, least(s.wake_attempts, 10)))
    where s.id in (select c.id from sessions c where c.wake_needed and c.wake_next_at <= now()
                   order by c.wake_next_at limit most for update skip locked)
    returning s.id, s.workspace_id
  $$;

create function sandboxes_in_use() returns table (session_id text, workspace_id text, name text, terminated boolean)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$
    select b.session_id, b.workspace_id, b.name, (s.id is null or s.status = 'terminated')
    from sandboxes b left join sessions s on s.id = b.session_id
    where b.state <> 'released'
  $$;

revoke all on function workspace_of_key(bytea), sessions_to_wake(integer), sandboxes_in_use() from public;
grant execute on function workspace_of_key(bytea), sessions_to_wake(integer), sandboxes_in_use() to rondo_app;
