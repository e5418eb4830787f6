-- The hosts that have sandboxes, as their workers last said. Like worker_status not of a workspace: nothing of a session is in it.
create table sandbox_hosts (
  id text primary key,
  -- Where its own workers take what only they can do.
  task_queue text not null,
  seen_at timestamptz not null default clock_timestamp(),
  -- Sandboxes of sessions that it takes at once.
  capacity integer not null,
  -- Null while it has no engine.
  engine text,
  runtime text,
  isolation text
);
grant select, insert, update, delete on sandbox_hosts to rondo_app;

-- Which host has the session's last sandbox. Null for one that was made before hosts had names: it is of whichever looks for it.
alter table sandboxes add column host_id text;
create index sandboxes_of_host on sandboxes (host_id) where state <> 'released';

-- Hosts have other names from now on, so nobody would look after those that the old ones kept ready.
delete from pool_members;

-- The one place that says when a host is taken for dead.
create function host_is_live(seen_at timestamptz) returns boolean language sql volatile set search_path = pg_catalog, pg_temp
  as $$ select seen_at > clock_timestamp() - interval '15 seconds' $$;

-- Where the next sandbox of a session may be made, and how many more each host takes; of all workspaces. One at a time for each host that
-- asks, until the end of the transaction: what one of them plans there, the next one counts.
create function places_for_sandbox(own text, session text) returns table (host_id text, task_queue text, free integer)
  language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
  as $$
  begin
    perform pg_advisory_xact_lock(hashtextextended('sandboxes of host ' || own, 0));
    return query
      select h.id, h.task_queue, h.capacity - (select count(*)::integer from sandboxes b where b.host_id = h.id and b.state <> 'released' and b.session_id <> session)
      from sandbox_hosts h where h.id = own or (h.engine is not null and host_is_live(h.seen_at));
  end $$;

drop function sandboxes_in_use();
-- `elsewhere`: another host has it, and lives.
create function sandboxes_in_use(own text) returns table (session_id text, workspace_id text, name text, terminated boolean, elsewhere boolean)
  language sql volatile security definer set search_path = pg_catalog, public, pg_temp
  as $$
    select b.session_id, b.workspace_id, b.name, (s.id is null or s.status = 'terminated'),
      b.host_id is distinct from own and exists (select 1 from sandbox_hosts h where h.id = b.host_id and host_is_live(h.seen_at))
    from sandboxes b left join sessions s on s.id = b.session_id
    where b.state <> 'released'
  $$;

drop function sessions_on_host(text[]);
-- What has become of sessions whose directories a host has, of all workspaces. `unkept`: the last sandbox was here and has ended, and no
-- checkpoint shows how. `over`: the session was deleted, or ended and nothing of it is still to be kept from here. `moved`: the last
-- sandbox is another host's. `generation`: the last one there was; `here`: this host has it, and it was not given back. `kept` and
-- `blob_key`: the generation whose end the newest checkpoint shows, and that checkpoint.
create function sessions_on_host(own text, ids text[])
  returns table (session_id text, workspace_id text, unkept boolean, over boolean, moved boolean, generation integer, here boolean, kept integer, blob_key text)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$
    select d.session_id, d.workspace_id, false, true, false, null::integer, false, null::integer, null
    from deleted_sessions d
    where d.session_id = any (ids) and not exists (select 1 from sandboxes b where b.session_id = d.session_id and b.state <> 'released')
    union all
    select s.id, s.workspace_id,
      coalesce(coalesce(b.host_id, own) = own and b.state = 'released' and b.generation > coalesce(c.generation, 0), false),
      s.status = 'terminated' and (b.session_id is null or coalesce(b.host_id, own) <> own or b.state = 'released' and b.generation <= coalesce(c.generation, 0)),
      coalesce(b.host_id, own) <> own, b.generation, coalesce(coalesce(b.host_id, own) = own and b.state <> 'released', false), c.generation, c.blob_key
    from sessions s left join sandboxes b on b.session_id = s.id left join checkpoints c on c.session_id = s.id
    where s.id = any (ids)
  $$;

drop function unused_sandboxes(interval);
-- Sandboxes of a host that no tool call has used and no request since a while, so that no run of the loop gives them back.
create function unused_sandboxes(own text, idle interval) returns table (session_id text, workspace_id text, fence bigint)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$
    select b.session_id, b.workspace_id, s.fence from sandboxes b join sessions s on s.id = b.session_id
    where b.state = 'ready' and coalesce(b.host_id, own) = own and b.updated_at < clock_timestamp() - idle and s.status = 'idle'
      and not exists (select 1 from effects e where e.session_id = b.session_id and e.generation = b.generation)
      and not exists (select 1 from workspace_requests r where r.session_id = b.session_id and r.state in ('waiting', 'running'))
  $$;

-- Sandboxes of a host whose sessions do nothing, the longest idle first: what it can give back when it is full.
create function idle_sandboxes(own text, idle interval, most integer) returns table (session_id text, workspace_id text, fence bigint)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$
    select b.session_id, b.workspace_id, s.fence from sandboxes b join sessions s on s.id = b.session_id
    where b.state = 'ready' and coalesce(b.host_id, own) = own and s.status = 'idle' and not s.wake_needed
      and greatest(b.updated_at, s.updated_at) < clock_timestamp() - idle
      and not exists (select 1 from workspace_requests r where r.session_id = b.session_id and r.state in ('waiting', 'running'))
    order by greatest(b.updated_at, s.updated_at) limit most
  $$;

drop function claim_workspace_requests(text, interval, integer);
-- Claims requests that nobody is at, of all workspaces: the oldest first, and one at a time of those for the same file, so that a
-- write that is repeated after a crash never comes after a later one. What another host that lives has in a sandbox, or has not kept yet, is
-- that host's.
create function claim_workspace_requests(own text, by_holder text, lease interval, most integer)
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
        and not exists (
          select 1 from sandboxes b join sandbox_hosts h on h.id = b.host_id left join checkpoints c on c.session_id = b.session_id
          where b.session_id = r.session_id and h.id <> own and host_is_live(h.seen_at)
            and (b.state <> 'released' or b.generation > coalesce(c.generation, 0))
        )
      order by r.created_at limit most for update skip locked
    )
    returning w.id, w.workspace_id
  $$;

revoke all on function places_for_sandbox(text, text), sandboxes_in_use(text), sessions_on_host(text, text[]), unused_sandboxes(text, interval),
  idle_sandboxes(text, interval, integer), claim_workspace_requests(text, text, interval, integer) from public;
grant execute on function places_for_sandbox(text, text), sandboxes_in_use(text), sessions_on_host(text, text[]), unused_sandboxes(text, interval),
  idle_sandboxes(text, interval, integer), claim_workspace_requests(text, text, interval, integer) to rondo_app;
