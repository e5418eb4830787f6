-- What has been put into the sandboxes of a session (its files, skills and repositories), and what was taken out of them.
create table resource_mounts (
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  -- A resource's id, or `skill:` and the id of a skill's version.
  key text not null,
  -- The sandbox generation it is in, or is being put into.
  generation integer not null,
  state text not null check (state in ('mounting', 'mounted', 'failed')),
  -- Whether what lies at its path may be it: it was mounted, or somebody began and did not say how it ended.
  placed boolean not null,
  -- Who is at it, and until when nobody else may be.
  holder text not null,
  lease_until timestamptz,
  -- The turn of the last attempt; what failed is tried again in a later one.
  turn integer not null,
  attempt integer not null,
  primary key (session_id, key)
);
alter table resource_mounts enable row level security;
alter table resource_mounts force row level security;
create policy own_workspace on resource_mounts using (workspace_id = current_workspace()) with check (workspace_id = current_workspace());
grant select, insert, update, delete on resource_mounts to rondo_app;

-- What an output of the agent looked like when it was last made a file, so that only what has changed is read again.
create table taken_outputs (
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  -- Relative to the outputs folder; the name of the file.
  path text not null,
  size_bytes bigint not null,
  -- Milliseconds since the epoch, as the sandbox says.
  modified_ms bigint not null,
  primary key (session_id, path)
);
alter table taken_outputs enable row level security;
alter table taken_outputs force row level security;
create policy own_workspace on taken_outputs using (workspace_id = current_workspace()) with check (workspace_id = current_workspace());
grant select, insert, update, delete on taken_outputs to rondo_app;
