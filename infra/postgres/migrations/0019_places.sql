-- A host whose engine does not answer has no room while another one could serve, and nobody is sent to a host that has been silent for a
-- while, long before it is taken for dead.
create or replace function places_for_sandbox(own text, session text) returns table (host_id text, task_queue text, free integer)
  language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
  as $$
  begin
    perform pg_advisory_xact_lock(hashtextextended('sandboxes of host ' || own, 0));
    return query
      with places as (
        select h.id, h.task_queue, h.engine,
          h.capacity - (select count(*)::integer from sandboxes b where b.host_id = h.id and b.state <> 'released' and b.session_id <> session) as free
        from sandbox_hosts h
        where h.id = own or (h.engine is not null and h.seen_at > clock_timestamp() - interval '5 seconds')
      )
      select p.id, p.task_queue, case when p.engine is null and exists (select 1 from places other where other.id <> own) then 0 else p.free end
      from places p;
  end $$;
