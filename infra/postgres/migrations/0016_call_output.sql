-- What running calls print, on its way to clients that opted in; dropped when the call is finished. Unlogged like deltas: nothing of it
-- is kept. A call has one output, whichever attempt passes it on, so pieces are told apart by where they begin.
create unlogged table call_output (
  session_id text not null,
  workspace_id text not null,
  position bigint generated always as identity,
  call_id text not null,
  begins bigint not null,
  bytes integer not null,
  text text not null,
  primary key (session_id, position)
);
create index call_output_of_call on call_output (session_id, call_id, begins);
alter table call_output enable row level security;
alter table call_output force row level security;
create policy own_workspace on call_output using (workspace_id = current_workspace()) with check (workspace_id = current_workspace());
grant select, insert, update, delete on call_output to rondo_app;
