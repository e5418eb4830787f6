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
