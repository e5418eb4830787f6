-- What has been put into the sandboxes of a session: its files, skills and repositories.
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
