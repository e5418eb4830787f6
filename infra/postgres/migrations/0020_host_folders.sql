-- Which data folder stands behind a host's name, and where that folder is now. Null for one that was heard of before it said so.
alter table sandbox_hosts
  -- Made once and kept in the folder.
  add column folder text,
  -- The folder on a machine that runs: another one after a restart of the machine, and for every copy.
  add column place text,
  -- When a process of it last said something, able to do its work or not.
  add column said_at timestamptz not null default clock_timestamp(),
  -- Heard of again and again from then on.
  add column live_since timestamptz not null default clock_timestamp();

-- What sessions of a host are called whose files are in a folder that does not stand behind its name any more. No host has such a name, so
-- they go on from their last checkpoint wherever there is room, unless the folder comes back first.
create function host_in_folder(host text, folder text) returns text language sql immutable set search_path = pg_catalog, pg_temp
  as $$ select host || '@' || folder $$;

-- Says that a host could do its work some milliseconds ago; no row. Where its name is that of another place nothing is written, and the answer is when that one was last heard of, and
-- whether it is the same folder there, of which this one is a copy then. Whoever has watched that one say nothing for fifteen seconds may take its name over, but not what another folder had, for
-- that is in it.
create function report_sandbox_host(
  own text, own_folder text, own_place text, own_queue text, room integer, own_engine text, own_runtime text, own_isolation text,
  silent integer, may_take boolean
) returns table (heard_of timestamptz, same_folder boolean)
  language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
  as $$
  declare
    known sandbox_hosts;
    was_known boolean;
    seen timestamptz := clock_timestamp() - silent * interval '1 millisecond';
  begin
    perform pg_advisory_xact_lock(hashtextextended('report of host ' || own, 0));
    select * into known from sandbox_hosts where id = own for update;
    was_known := found;
    if was_known and known.place <> own_place and (not may_take or known.said_at > clock_timestamp() - interval '15 seconds') then
      return query select known.said_at, known.folder = own_folder;
      return;
    end if;
    if was_known and known.folder <> own_folder then
      update sandboxes set host_id = host_in_folder(own, known.folder) where host_id = own;
      delete from pool_members where host_id = own;
    end if;
    if not was_known or known.folder <> own_folder then
      update sandboxes set host_id = own where host_id = host_in_folder(own, own_folder);
    end if;
    insert into sandbox_hosts (id, folder, place, seen_at, live_since, task_queue, capacity, engine, runtime, isolation)
      values (own, own_folder, own_place, seen, seen, own_queue, room, own_engine, own_runtime, own_isolation)
      on conflict (id) do update set seen_at = greatest(sandbox_hosts.seen_at, excluded.seen_at), said_at = clock_timestamp(), folder = excluded.folder, place = excluded.place, task_queue = excluded.task_queue,
        capacity = excluded.capacity, engine = excluded.engine, runtime = excluded.runtime, isolation = excluded.isolation,
        live_since = case when excluded.seen_at < sandbox_hosts.seen_at + interval '10 seconds' then sandbox_hosts.live_since else excluded.seen_at end;
  end $$;

-- The one place that says when a host is taken for dead: when nobody has heard of it for fifteen seconds, and some host was heard of all that
-- time. Where the database or Temporal was away from everybody, whoever comes back first does not take the others for dead.
create or replace function host_is_live(seen_at timestamptz) returns boolean language sql volatile set search_path = pg_catalog, public, pg_temp
  as $$
    select seen_at > clock_timestamp() - interval '15 seconds' or not exists (
      select 1 from sandbox_hosts witness
      where witness.live_since < clock_timestamp() - interval '15 seconds' and witness.seen_at > clock_timestamp() - interval '5 seconds'
    )
  $$;

-- Forgets hosts that nobody has heard of for a day, with what they kept ready; their names. Which folder had their sessions is kept.
create function forget_sandbox_hosts() returns setof text
  language sql volatile security definer set search_path = pg_catalog, public, pg_temp
  as $$
    with gone as (delete from sandbox_hosts where seen_at < clock_timestamp() - interval '1 day' returning id, folder),
      members as (delete from pool_members using gone where pool_members.host_id = gone.id),
      aside as (update sandboxes set host_id = host_in_folder(gone.id, gone.folder) from gone where sandboxes.host_id = gone.id and gone.folder is not null)
    select id from gone
  $$;

revoke all on function report_sandbox_host(text, text, text, text, integer, text, text, text, integer, boolean), forget_sandbox_hosts() from public;
grant execute on function report_sandbox_host(text, text, text, text, integer, text, text, text, integer, boolean), forget_sandbox_hosts() to rondo_app;

drop function places_for_sandbox(text, text);
-- As before, and which folder has each host's name, for one that may have lost it.
create function places_for_sandbox(own text, session text) returns table (host_id text, task_queue text, place text, free integer)
  language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
  as $$
  begin
    perform pg_advisory_xact_lock(hashtextextended('sandboxes of host ' || own, 0));
    return query
      with places as (
        select h.id, h.task_queue, h.place, h.engine,
          h.capacity - (select count(*)::integer from sandboxes b where b.host_id = h.id and b.state <> 'released' and b.session_id <> session) as free
        from sandbox_hosts h
        where h.id = own or (h.engine is not null and h.seen_at > clock_timestamp() - interval '5 seconds')
      )
      select p.id, p.task_queue, p.place, case when p.engine is null and exists (select 1 from places other where other.id <> own) then 0 else p.free end
      from places p;
  end $$;

drop function claim_workspace_requests(text, text, interval, integer);
-- Claims requests as before, but what any host could do a host leaves to the others that can while it has no engine, or gets no work itself. Whoever is
-- at another place than the host of its name claims nothing.
create function claim_workspace_requests(own text, own_place text, by_holder text, lease interval, most integer)
  returns table (id text, workspace_id text)
  language sql volatile security definer set search_path = pg_catalog, public, pg_temp
  as $$
    update workspace_requests w set state = 'running', holder = by_holder, lease_until = clock_timestamp() + lease, attempt = w.attempt + 1
    where w.id in (
      select r.id from workspace_requests r left join sandboxes b on b.session_id = r.session_id left join checkpoints c on c.session_id = r.session_id
      where (r.state = 'waiting' or r.state = 'running' and r.lease_until < clock_timestamp())
        and not exists (select 1 from sandbox_hosts h where h.id = own and h.place <> own_place)
        and not exists (
          select 1 from workspace_requests e where e.session_id = r.session_id and e.path = r.path and e.state in ('waiting', 'running')
            and e.kind = 'write' and (e.created_at, e.id) < (r.created_at, r.id)
        )
        -- One host alone has it, and lives: it is that host's. Otherwise it is anybody's who can.
        and case when b.session_id is not null and (b.state <> 'released' or b.generation > coalesce(c.generation, 0))
            and (coalesce(b.host_id, own) = own or exists (select 1 from sandbox_hosts h where h.id = b.host_id and host_is_live(h.seen_at)))
          then coalesce(b.host_id, own) = own
          else not exists (select 1 from sandbox_hosts h where h.id = own and (h.engine is null or h.seen_at < clock_timestamp() - interval '5 seconds'))
            or not exists (select 1 from sandbox_hosts h where h.id <> own and h.engine is not null and h.seen_at > clock_timestamp() - interval '5 seconds')
        end
      order by r.created_at limit most for update of r skip locked
    )
    returning w.id, w.workspace_id
  $$;

revoke all on function places_for_sandbox(text, text), claim_workspace_requests(text, text, text, interval, integer) from public;
grant execute on function places_for_sandbox(text, text), claim_workspace_requests(text, text, text, interval, integer) to rondo_app;

-- The last generation that a caller of the API put a file into: it has changed its directories as much as a call would.
alter table sandboxes add column files_generation integer;
