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
  grant select, insert, update, delete on checkpoints, checkpoint_packs to rondo_app;
  grant select on deleted_sessions to rondo_app;
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

revoke all on function sessions_on_host(text[]) from public;
grant execute on function sessions_on_host(text[]) to rondo_app;
