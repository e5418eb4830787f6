-- Which data folder stands behind a host's name, and where that folder is now. Null for one that was heard of before it said so.
alter table sandbox_hosts
  -- Made once and kept in the folder.
  add column folder text,
  -- The folder on a machine that runs: another one after a restart of the machine, and for every copy.
  add column place text;

-- What sessions of a host are called whose files are in a folder that does not stand behind its name any more. No host has such a name, so
-- they go on from their last checkpoint wherever there is room, unless the folder comes back first.
create function host_in_folder(host text, folder text) returns text language sql immutable set search_path = pg_catalog, pg_temp
  as $$ select host || '@' || folder $$;

-- Says that a host lives; null. Where another folder has its name nothing is written, and the answer is when that one was last heard of,
-- until it is dead: then the name is taken over, but not what it had, for that is in its own folder.
create function report_sandbox_host(
  own text, own_folder text, own_place text, own_queue text, room integer, own_engine text, own_runtime text, own_isolation text
) returns timestamptz
  language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
  as $$
  declare
    known sandbox_hosts;
    was_known boolean;
  begin
    perform pg_advisory_xact_lock(hashtextextended('report of host ' || own, 0));
    select * into known from sandbox_hosts where id = own for update;
    was_known := found;
    if was_known and known.place <> own_place and known.seen_at > clock_timestamp() - interval '15 seconds' then
      return known.seen_at;
    end if;
    if was_known and known.folder <> own_folder then
      update sandboxes set host_id = host_in_folder(own, known.folder) where host_id = own;
      delete from pool_members where host_id = own;
    end if;
    if not was_known or known.folder <> own_folder then
      update sandboxes set host_id = own where host_id = host_in_folder(own, own_folder);
    end if;
    insert into sandbox_hosts (id, folder, place, task_queue, capacity, engine, runtime, isolation)
      values (own, own_folder, own_place, own_queue, room, own_engine, own_runtime, own_isolation)
      on conflict (id) do update set seen_at = clock_timestamp(), folder = excluded.folder, place = excluded.place, task_queue = excluded.task_queue,
        capacity = excluded.capacity, engine = excluded.engine, runtime = excluded.runtime, isolation = excluded.isolation;
    return null;
  end $$;

-- Forgets hosts that nobody has heard of for a day, with what they kept ready; their names. Which folder had their sessions is kept.
create function forget_sandbox_hosts() returns setof text
  language sql volatile security definer set search_path = pg_catalog, public, pg_temp
  as $$
    with gone as (delete from sandbox_hosts where seen_at < clock_timestamp() - interval '1 day' returning id, folder),
      members as (delete from pool_members using gone where pool_members.host_id = gone.id),
      aside as (update sandboxes set host_id = host_in_folder(gone.id, gone.folder) from gone where sandboxes.host_id = gone.id and gone.folder is not null)
    select id from gone
  $$;

revoke all on function report_sandbox_host(text, text, text, text, integer, text, text, text), forget_sandbox_hosts() from public;
grant execute on function report_sandbox_host(text, text, text, text, integer, text, text, text), forget_sandbox_hosts() to rondo_app;
