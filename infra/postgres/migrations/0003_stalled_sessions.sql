-- A session that is said to run while nothing works on it (its run was terminated by hand, or lost in a power cut) is woken, too.
create or replace function sessions_to_wake(most integer) returns table (session_id text, workspace_id text)
  language sql security definer set search_path = pg_catalog, public, pg_temp
  as $$
    update sessions s
    set wake_needed = true, wake_attempts = 0, wake_next_at = now()
    where s.status in ('running', 'rescheduling') and not s.wake_needed and s.updated_at < now() - interval '2 minutes'
      and not exists (select 1 from attempts a where a.session_id = s.id and a.ended_at is null and a.started_at > now() - interval '20 minutes');

    update sessions s
    set wake_attempts = s.wake_attempts + 1,
        wake_next_at = now() + least(interval '1 minute', interval '5 seconds' * power(2, least(s.wake_attempts, 10)))
    where s.id in (select c.id from sessions c where c.wake_needed and c.wake_next_at <= now()
                   order by c.wake_next_at limit most for update skip locked)
    returning s.id, s.workspace_id
  $$;
create index sessions_active on sessions (updated_at) where status in ('running', 'rescheduling');
do $$ begin execute format('create policy owner_functions on attempts to %I using (true)', current_user); end $$;
