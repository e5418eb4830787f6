-- A sandbox whose start failed, or whose worker died on the way, takes a place on its host like any other. Where no run of the loop knows
-- of it, because a caller of the API asked for it or the turn was interrupted, it is given back like one that was ready.
create or replace function unused_sandboxes(own text, idle interval) returns table (session_id text, workspace_id text, fence bigint)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$
    select b.session_id, b.workspace_id, s.fence from sandboxes b join sessions s on s.id = b.session_id
    where b.state <> 'released' and coalesce(b.host_id, own) = own and b.updated_at < clock_timestamp() - idle and s.status = 'idle'
      and not exists (select 1 from effects e where e.session_id = b.session_id and e.generation = b.generation)
      and not exists (select 1 from workspace_requests r where r.session_id = b.session_id and r.state in ('waiting', 'running'))
  $$;

create or replace function idle_sandboxes(own text, idle interval, most integer) returns table (session_id text, workspace_id text, fence bigint)
  language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as $$
    select b.session_id, b.workspace_id, s.fence from sandboxes b join sessions s on s.id = b.session_id
    where b.state <> 'released' and coalesce(b.host_id, own) = own and s.status = 'idle' and not s.wake_needed
      and greatest(b.updated_at, s.updated_at) < clock_timestamp() - idle
      and not exists (select 1 from workspace_requests r where r.session_id = b.session_id and r.state in ('waiting', 'running'))
    order by greatest(b.updated_at, s.updated_at) limit most
  $$;
