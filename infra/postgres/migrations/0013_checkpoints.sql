-- The last kept state of each session's directories. Its bytes are blobs: a manifest, and packs of contents that several
-- checkpoints in a row may share.
create table checkpoints (
  session_id text primary key references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  -- Counts a session's checkpoints.
  sequence integer not null,
  -- The sandbox generation whose end it shows.
  generation integer not null,
  -- The manifest; also the identity of the checkpoint.
  blob_key text not null references blobs (key),
  files integer not null,
  -- Of all files together, and what had to be stored for this checkpoint.
  bytes bigint not null,
  stored_bytes bigint not null,
  -- What it left out: [{path, why}], the first of them, and how many there were.
  skipped jsonb not null,
  skipped_count integer not null,
  created_at timestamptz not null default clock_timestamp()
);
create index checkpoints_of_blob on checkpoints (blob_key);

-- The packs that the newest manifest names.
create table checkpoint_packs (
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  blob_key text not null references blobs (key),
  primary key (session_id, blob_key)
);
create index checkpoint_packs_of_blob on checkpoint_packs (blob_key);

-- Sessions that were deleted: what proves to a host that a directory of theirs is nobody's.
create table deleted_sessions (
  session_id text primary key,
  workspace_id text not null,
  deleted_at timestamptz not null default clock_timestamp()
);

do $$
declare name text;
begin
  foreach name in array array['checkpoints', 'checkpoint_packs', 'deleted_sessions']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy own_workspace on %I using (workspace_id = current_workspace()) with check (workspace_id = current_workspace())', name);
    execute format('create policy owner_functions on %I to %I using (true) with check (true)', name, current_user);
  end loop;
  grant select, insert, update, delete on checkpoints, checkpoint_packs, deleted_sessions to rondo_app;
end $$;

create trigger release_blob after delete on checkpoints for each row execute function release_blob();
create trigger release_replaced_blob after update of blob_key on checkpoints for each row
  when (old.blob_key is distinct from new.blob_key) execute function release_blob();
create trigger release_blob after delete on checkpoint_packs for each row execute function release_blob();

create function note_deleted_session() returns trigger language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  insert into deleted_sessions (session_id, workspace_id) values (old.id, old.workspace_id) on conflict do nothing;
  return null;
end $$;
create trigger note_deleted_session after delete on sessions for each row execute function note_deleted_session();

-- What the model is told once, with the next result, of what a sandbox before this one had and this one has not.
alter table sandboxes add column loss jsonb;

-- What has become of sessions whose directories a host has, of all workspaces. `unkept`: the last sandbox has ended and no
-- checkpoint shows how. `over`: the session was deleted, or ended and is kept in a checkpoint as far as it ever had a sandbox.
create function sessions_on_host(ids text[]) returns table (session_id text, workspace_id text, unkept boolean, over boolean)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$
    select d.session_id, d.workspace_id, false, true from deleted_sessions d
    where d.session_id = any (ids) and not exists (select 1 from sandboxes b where b.session_id = d.session_id and b.state <> 'released')
    union all
    select s.id, s.workspace_id,
      b.state = 'released' and b.generation > coalesce(c.generation, 0),
      s.status = 'terminated' and (b.session_id is null or b.state = 'released' and b.generation <= coalesce(c.generation, 0))
    from sessions s left join sandboxes b on b.session_id = s.id left join checkpoints c on c.session_id = s.id
    where s.id = any (ids)
  $$;

revoke all on function sessions_on_host(text[]), note_deleted_session() from public;
grant execute on function sessions_on_host(text[]) to rondo_app;

-- Reading and writing files of a session's workspace for callers of the API: gateways have no sandbox, so they ask workers.
create table workspace_requests (
  id text primary key,
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  kind text not null check (kind in ('read', 'write')),
  -- Below /workspace, without a slash at its beginning.
  path text not null,
  -- What is to be written; or, once it was read, what is there.
  blob_key text references blobs (key),
  state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
  -- Who is at it, and until when nobody else may be.
  holder text,
  lease_until timestamptz,
  attempt integer not null default 0,
  size_bytes bigint,
  -- Hexadecimal.
  sha256 text,
  error_code text,
  error_message text,
  created_at timestamptz not null default clock_timestamp()
);
create index workspace_requests_open on workspace_requests (created_at) where state in ('waiting', 'running');
create index workspace_requests_of_session on workspace_requests (session_id);
create index workspace_requests_of_blob on workspace_requests (blob_key);
alter table workspace_requests enable row level security;
alter table workspace_requests force row level security;
create policy own_workspace on workspace_requests using (workspace_id = current_workspace()) with check (workspace_id = current_workspace());
do $$ begin execute format('create policy owner_functions on workspace_requests to %I using (true) with check (true)', current_user); end $$;
grant select, insert, update, delete on workspace_requests to rondo_app;
create trigger release_blob after delete on workspace_requests for each row when (old.blob_key is not null) execute function release_blob();

-- Claims requests that nobody is at, of all workspaces: the oldest first, and one at a time of those for the same file, so that a
-- write that is repeated after a crash never comes after a later one.
create function claim_workspace_requests(by_holder text, lease interval, most integer)
  returns table (id text, workspace_id text)
  language sql volatile security definer set search_path = pg_catalog, public, pg_temp
  as $$
    update workspace_requests w set state = 'running', holder = by_holder, lease_until = clock_timestamp() + lease, attempt = w.attempt + 1
    where w.id in (
      select r.id from workspace_requests r
      where (r.state = 'waiting' or r.state = 'running' and r.lease_until < clock_timestamp())
        and not exists (
          select 1 from workspace_requests e where e.session_id = r.session_id and e.path = r.path and e.state in ('waiting', 'running')
            and e.kind = 'write' and (e.created_at, e.id) < (r.created_at, r.id)
        )
      order by r.created_at limit most for update skip locked
    )
    returning w.id, w.workspace_id
  $$;

-- Requests whose gateway died before it had read the answer.
create function drop_old_workspace_requests() returns void
  language sql volatile security definer set search_path = pg_catalog, public, pg_temp
  as $$ delete from workspace_requests where created_at < clock_timestamp() - interval '1 hour' $$;

-- Sandboxes that no tool call has used and no request since a while, so that no run of the loop gives them back.
create function unused_sandboxes(idle interval) returns table (session_id text, workspace_id text, fence bigint)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$
    select b.session_id, b.workspace_id, s.fence from sandboxes b join sessions s on s.id = b.session_id
    where b.state = 'ready' and b.updated_at < clock_timestamp() - idle and s.status = 'idle'
      and not exists (select 1 from effects e where e.session_id = b.session_id and e.generation = b.generation)
      and not exists (select 1 from workspace_requests r where r.session_id = b.session_id and r.state in ('waiting', 'running'))
  $$;

revoke all on function claim_workspace_requests(text, interval, integer), drop_old_workspace_requests(), unused_sandboxes(interval) from public;
grant execute on function claim_workspace_requests(text, interval, integer), drop_old_workspace_requests(), unused_sandboxes(interval) to rondo_app;
