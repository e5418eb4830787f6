-- Self-hosted environments: who may take work, what waits for a worker, and what a worker may do while it has it.

create table environment_keys (
  id text primary key,
  environment_id text not null references environments (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  name text,
  key_hash bytea not null unique,
  -- Its last characters, by which a person recognises it.
  hint text not null,
  created_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz
);
create index environment_keys_in_order on environment_keys (environment_id, created_at desc, id desc);

create table work_items (
  id text primary key,
  workspace_id text not null references workspaces (id),
  environment_id text not null references environments (id) on delete cascade,
  session_id text not null references sessions (id) on delete cascade,
  state text not null default 'queued' check (state in ('queued', 'starting', 'active', 'stopping', 'stopped')),
  metadata jsonb not null default '{}',
  -- Counts up with every offer and every loss. A worker's token belongs to one number and is void from the next on.
  claim integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  -- Since when it waits; not offered before.
  queued_at timestamptz not null default clock_timestamp(),
  polled_at timestamptz,
  acknowledged_at timestamptz,
  started_at timestamptz,
  latest_heartbeat_at timestamptz,
  -- The same as it was answered: workers send it back byte for byte.
  last_heartbeat text,
  ttl_seconds integer,
  lease_expires_at timestamptz,
  stop_requested_at timestamptz,
  stopped_at timestamptz
);
create unique index work_items_live on work_items (session_id) where state <> 'stopped';
create index work_items_queued on work_items (environment_id, queued_at, id) where state = 'queued';
create index work_items_leased on work_items (lease_expires_at) where state in ('starting', 'active', 'stopping');
create index work_items_in_order on work_items (environment_id, created_at desc, id desc);

-- A worker's credential for one offer of one item.
create table work_tokens (
  token_hash bytea primary key,
  workspace_id text not null references workspaces (id),
  work_id text not null references work_items (id) on delete cascade,
  claim integer not null,
  -- The environment key it was given to; void with it. Null: an API key.
  key_id text references environment_keys (id) on delete cascade,
  created_at timestamptz not null default clock_timestamp()
);
create index work_tokens_of_item on work_tokens (work_id);

-- Workers as they name themselves, with when they asked for work last.
create table work_pollers (
  environment_id text not null references environments (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  worker_id text not null,
  seen_at timestamptz not null default clock_timestamp(),
  primary key (environment_id, worker_id)
);

do $$
declare name text;
begin
  foreach name in array array['environment_keys', 'work_items', 'work_tokens', 'work_pollers']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy own_workspace on %I using (workspace_id = current_workspace()) with check (workspace_id = current_workspace())', name);
    execute format('grant select, insert, update, delete on %I to rondo_app', name);
    execute format('create policy owner_functions on %I to %I using (true) with check (true)', name, current_user);
  end loop;
end $$;

-- Questions that must be asked before a workspace is known. Each answers ids and states only.
create function environment_of_key(hash bytea) returns table (key_id text, workspace_id text, environment_id text)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$ select k.id, k.workspace_id, k.environment_id from environment_keys k where k.key_hash = hash and k.revoked_at is null $$;

create function work_of_token(hash bytea)
  returns table (workspace_id text, environment_id text, session_id text, work_id text, claim integer, held boolean)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$
    select w.workspace_id, w.environment_id, w.session_id, w.id, t.claim, t.claim = w.claim and w.state in ('starting', 'active', 'stopping')
    from work_tokens t join work_items w on w.id = t.work_id left join environment_keys k on k.id = t.key_id
    where t.token_hash = hash and k.revoked_at is null
  $$;

-- Items whose worker is taken for lost, and items that nobody took before their session ended.
create function work_to_end(most integer) returns table (work_id text, session_id text, workspace_id text)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$
    (select w.id, w.session_id, w.workspace_id from work_items w
      where w.state in ('starting', 'active', 'stopping') and w.lease_expires_at < clock_timestamp() order by w.lease_expires_at limit most)
    union all
    (select w.id, w.session_id, w.workspace_id from work_items w join sessions s on s.id = w.session_id
      where w.state = 'queued' and s.status = 'terminated' limit most)
  $$;

revoke all on function environment_of_key(bytea), work_of_token(bytea), work_to_end(integer) from public;
grant execute on function environment_of_key(bytea), work_of_token(bytea), work_to_end(integer) to rondo_app;
