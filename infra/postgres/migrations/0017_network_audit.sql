-- The audit also has what Rondo itself asks for a session, and can be read page by page, in the order in which requests ended.

alter table egress_requests alter column id drop identity;
alter table egress_requests alter column id type text using 'netreq_' || lpad(id::text, 26, '0');
alter table egress_requests alter column generation drop not null;
alter table egress_requests add column recorded_at timestamptz not null default clock_timestamp();
create index egress_requests_in_order on egress_requests (session_id, recorded_at, id);
create index egress_requests_of_workspace on egress_requests (workspace_id, recorded_at, id);

-- What each session has used, so that nobody counts lines.
create table egress_totals (
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  asker text not null check (asker in ('sandbox', 'server')),
  requests bigint not null,
  bytes bigint not null,
  primary key (session_id, asker)
);
alter table egress_totals enable row level security;
alter table egress_totals force row level security;
create policy own_workspace on egress_totals using (workspace_id = current_workspace()) with check (workspace_id = current_workspace());
grant select, insert, update, delete on egress_totals to rondo_app;

create function count_egress() returns trigger language plpgsql as $$
begin
  insert into egress_totals (session_id, workspace_id, asker, requests, bytes)
  select session_id, workspace_id, case when generation is null then 'server' else 'sandbox' end as asker, count(*), sum(bytes_up + bytes_down)
  from added group by 1, 2, 3 order by 1, 3
  on conflict (session_id, asker) do update set requests = egress_totals.requests + excluded.requests, bytes = egress_totals.bytes + excluded.bytes;
  return null;
end $$;
create trigger count_egress after insert on egress_requests referencing new table as added for each statement execute function count_egress();

-- Whether requests of a sandbox wait for the answer: the clocks of its calls stand still meanwhile. A change is told as every other.
alter table network_questions add column held boolean not null default false;
