-- What a session can be given beside its agent: vaults, skills, a budget, resources; and calls that others than the sandbox run.
alter table sessions
  add column environment_type text not null default 'cloud' check (environment_type in ('cloud', 'self_hosted')),
  add column vault_ids text[] not null default '{}',
  -- [{skillId, versionId, name, description}], resolved when the session was made.
  add column skills jsonb not null default '[]',
  -- The wire's budget: {type, max_list_cost: {amount, currency}}.
  add column budget jsonb,
  -- Millionths of a US dollar.
  add column cost_micros bigint not null default 0,
  add column web_searches integer not null default 0,
  add column web_fetches integer not null default 0;
create index sessions_of_agent on sessions (workspace_id, agent_id, created_at desc, id desc);

alter table tool_calls drop constraint tool_calls_kind_check;
alter table tool_calls
  add constraint tool_calls_kind_check check (kind in ('sandbox', 'worker', 'custom', 'mcp', 'server', 'rejected')),
  add column mcp_server_name text,
  -- When a client's or a worker's result was accepted: the first one counts.
  add column answered_at timestamptz;

create table session_resources (
  id text primary key,
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  type text not null check (type in ('file', 'github_repository', 'memory_store')),
  mount_path text not null,
  -- The wire's fields of the type, without id, type, mount_path, times and secrets.
  body jsonb not null,
  -- A repository's token, encrypted; never answered.
  token bytea,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  unique (session_id, mount_path)
);
create index session_resources_in_order on session_resources (session_id, created_at, id);
alter table session_resources enable row level security;
alter table session_resources force row level security;
create policy own_workspace on session_resources using (workspace_id = current_workspace()) with check (workspace_id = current_workspace());
grant select, insert, update, delete on session_resources to rondo_app;

-- The tools each MCP server of a session offered, asked once a turn, so that every step and every worker sees the same.
create table mcp_tool_lists (
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  server_name text not null,
  -- The turn it was listed for.
  turn integer not null,
  -- [{name, description, inputSchema, repeatable}]
  tools jsonb not null,
  listed_at timestamptz not null default clock_timestamp(),
  primary key (session_id, server_name)
);
alter table mcp_tool_lists enable row level security;
alter table mcp_tool_lists force row level security;
create policy own_workspace on mcp_tool_lists using (workspace_id = current_workspace()) with check (workspace_id = current_workspace());
grant select, insert, update, delete on mcp_tool_lists to rondo_app;
