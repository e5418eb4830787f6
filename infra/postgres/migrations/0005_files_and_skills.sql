-- Files and skills. Their bytes are in the blob store, one blob may serve several rows.

-- Every blob: the row is there before the bytes, and goes after them, so none is ever forgotten.
create table blobs (
  -- <workspace>/<id>, as the blob store knows it.
  key text primary key,
  workspace_id text not null references workspaces (id),
  created_at timestamptz not null default clock_timestamp(),
  -- From when on it is deleted, unless something refers to it by then; null while something does.
  delete_after timestamptz,
  check (key like workspace_id || '/%')
);
create index blobs_to_delete on blobs (delete_after) where delete_after is not null;

create table files (
  id text primary key,
  workspace_id text not null references workspaces (id),
  -- The wire's scope: null for what was uploaded to the workspace.
  session_id text references sessions (id) on delete cascade,
  -- Uploaded, a session's copy of such a file, or written by the agent.
  origin text not null check (origin in ('upload', 'copy', 'output')),
  filename text not null,
  mime_type text not null,
  size_bytes bigint not null,
  -- Hexadecimal.
  sha256 text not null,
  -- Null once the file has expired and its bytes are given up.
  blob_key text references blobs (key),
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  check ((origin = 'upload') = (session_id is null))
);
create index files_in_order on files (workspace_id, created_at desc, id desc);
create index files_of_session on files (session_id, created_at desc, id desc) where session_id is not null;
create unique index files_output_name on files (session_id, filename) where origin = 'output';
create index files_of_blob on files (blob_key);
create index files_to_expire on files (expires_at) where expires_at is not null;

create table skills (
  id text primary key,
  workspace_id text not null references workspaces (id),
  -- Kebab case, given by the first version and kept.
  name text not null,
  display_name text not null,
  latest_version_id text not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);
create index skills_in_order on skills (workspace_id, created_at desc, id desc);

create table skill_versions (
  id text primary key,
  skill_id text not null references skills (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  name text not null,
  description text not null,
  size_bytes bigint not null,
  -- A tar.gz with one top-level directory, named as the skill.
  blob_key text not null references blobs (key),
  created_at timestamptz not null default clock_timestamp()
);
create index skill_versions_in_order on skill_versions (skill_id, created_at desc, id desc);
create index skill_versions_of_blob on skill_versions (blob_key);

do $$
declare name text;
begin
  foreach name in array array['blobs', 'files', 'skills', 'skill_versions']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy own_workspace on %I using (workspace_id = current_workspace()) with check (workspace_id = current_workspace())', name);
    execute format('grant select, insert, update, delete on %I to rondo_app', name);
  end loop;
  -- The functions below run as the owner, who may not be a superuser.
  foreach name in array array['blobs', 'files']
  loop
    execute format('create policy owner_functions on %I to %I using (true) with check (true)', name, current_user);
  end loop;
end $$;

-- A row that lets go of its blob, whatever removed it, makes the blob a candidate; whoever deletes it looks again under a lock.
create function release_blob() returns trigger language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
  update blobs set delete_after = now() where key = old.blob_key;
  return null;
end $$;
create trigger release_blob after delete on files for each row when (old.blob_key is not null) execute function release_blob();
create trigger release_replaced_blob after update of blob_key on files for each row
  when (old.blob_key is distinct from new.blob_key and old.blob_key is not null) execute function release_blob();
create trigger release_blob after delete on skill_versions for each row execute function release_blob();

-- What must be asked of all workspaces. Both answer ids only.
create function expire_files() returns table (id text)
  language sql security definer set search_path = pg_catalog, public, pg_temp
  as $$
    -- A row outlives its bytes for a while, so that a late caller is told why.
    delete from files where expires_at < now() - interval '30 days';
    update files set blob_key = null where expires_at <= now() and blob_key is not null returning files.id;
  $$;

create function blobs_to_delete(most integer) returns table (key text, workspace_id text)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$ select b.key, b.workspace_id from blobs b where b.delete_after <= now() order by b.delete_after limit most $$;

revoke all on function expire_files(), blobs_to_delete(integer) from public;
grant execute on function expire_files(), blobs_to_delete(integer) to rondo_app;
