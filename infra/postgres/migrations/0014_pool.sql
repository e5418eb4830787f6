-- Sandboxes that hosts keep ready. Like worker_status not of a workspace: a member is nobody's, and nothing of a session is in
-- its row. Once claimed, the sandbox is known by the name in the session's own row.
create table pool_members (
  id text primary key,
  host_id text not null,
  -- Everything that one must have in common with what is wanted: engine, runtime, image, build, limits.
  kind text not null,
  -- Null for a wish that none was ready for.
  name text unique,
  state text not null check (state in ('starting', 'warm', 'claimed', 'missed')),
  created_at timestamptz not null default clock_timestamp(),
  claimed_at timestamptz
);
create index pool_members_of_host on pool_members (host_id, state, kind, created_at);
grant select, insert, update, delete on pool_members to rondo_app;

-- Of these names, those that some session's row names, whatever has become of the sandbox.
create function sandbox_names_known(names text[]) returns setof text
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$ select name from sandboxes where name = any (names) $$;
revoke all on function sandbox_names_known(text[]) from public;
grant execute on function sandbox_names_known(text[]) to rondo_app;

-- Images with the packages of environments, as each host has them. The list of packages, not the environment, decides which.
create table environment_images (
  workspace_id text not null references workspaces (id),
  packages_hash text not null,
  host_id text not null,
  state text not null check (state in ('building', 'ready', 'failed')),
  -- What the package manager said.
  error text,
  -- Whoever builds and does not renew it is taken for dead.
  lease_until timestamptz,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (workspace_id, packages_hash, host_id)
);
alter table environment_images enable row level security;
alter table environment_images force row level security;
create policy own_workspace on environment_images using (workspace_id = current_workspace()) with check (workspace_id = current_workspace());
do $$ begin execute format('create policy owner_functions on environment_images to %I using (true) with check (true)', current_user); end $$;
grant select, insert, update, delete on environment_images to rondo_app;

-- Null where nothing is to be installed.
create function packages_hash(config jsonb) returns text language sql immutable set search_path = pg_catalog, pg_temp
  as $$
    select case when exists (
      select 1 from jsonb_each(case when jsonb_typeof(config -> 'packages') = 'object' then config -> 'packages' else '{}' end) as list
      where jsonb_typeof(list.value) = 'array' and list.value <> '[]'
    ) then encode(sha256(convert_to((config -> 'packages')::text, 'UTF8')), 'hex') end
  $$;

-- What a host has not built yet, of all workspaces. A failure is tried again after a quarter of an hour.
create function images_to_build(host text, most integer) returns table (workspace_id text, packages_hash text)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$
    select distinct e.workspace_id, packages_hash(e.config) from environments e
    where (e.archived_at is null or exists (select 1 from sessions s where s.environment_id = e.id and s.status <> 'terminated'))
      and packages_hash(e.config) is not null and not exists (
      select 1 from environment_images i
      where i.workspace_id = e.workspace_id and i.packages_hash = packages_hash(e.config) and i.host_id = host
        and (i.state = 'ready' or (i.state = 'building' and i.lease_until > now()) or (i.state = 'failed' and i.updated_at > now() - interval '15 minutes'))
    ) limit most
  $$;
revoke all on function images_to_build(text, integer) from public;
grant execute on function images_to_build(text, integer) to rondo_app;
