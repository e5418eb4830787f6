-- Vaults, and the credentials in them. Secrets lie in columns of their own, sealed outside of the database (infra/vault), bound to
-- workspace, column and row; nothing here can read them.
create table vaults (
  id text primary key,
  workspace_id text not null references workspaces (id),
  display_name text not null,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  archived_at timestamptz
);
create index vaults_in_order on vaults (workspace_id, created_at desc, id desc);

create table vault_credentials (
  id text primary key,
  vault_id text not null references vaults (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  display_name text,
  metadata jsonb not null default '{}',
  -- The wire's auth object without secrets and without expires_at.
  auth jsonb not null,
  -- What it is found by, one active credential each: an MCP server's address in its one spelling, or a variable's name.
  target text not null,
  -- Of an access token; null where it is not known, or there is none.
  expires_at timestamptz,
  secret bytea,
  refresh_token bytea,
  client_secret bytea,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  archived_at timestamptz,
  constraint archived_credentials_hold_no_secret check (
    case when archived_at is null then secret is not null else num_nonnulls(secret, refresh_token, client_secret) = 0 end
  )
);
create unique index vault_credentials_active_target on vault_credentials (vault_id, target) where archived_at is null;
create index vault_credentials_in_order on vault_credentials (vault_id, created_at desc, id desc);

alter table vaults enable row level security;
alter table vaults force row level security;
create policy own_workspace on vaults using (workspace_id = current_workspace()) with check (workspace_id = current_workspace());
grant select, insert, update, delete on vaults to rondo_app;

alter table vault_credentials enable row level security;
alter table vault_credentials force row level security;
create policy own_workspace on vault_credentials using (workspace_id = current_workspace()) with check (workspace_id = current_workspace());
grant select, insert, update, delete on vault_credentials to rondo_app;

-- For whoever wraps every secret anew: ids only.
create function all_workspaces() returns table (workspace_id text)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$ select w.id from workspaces w $$;
revoke all on function all_workspaces() from public;
grant execute on function all_workspaces() to rondo_app;
