-- The sandboxes' way out: what was asked of people, and one line for each request.

create table network_questions (
  -- Of the rondo.network_confirmation_required event.
  id text primary key,
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  host text not null,
  port integer not null,
  -- Null where TLS is not opened, so nobody knows it.
  method text,
  asked_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  answer text check (answer in ('allow', 'deny', 'expired')),
  scope text check (scope in ('once', 'session')),
  answered_at timestamptz
);
create unique index network_questions_open on network_questions (session_id, host, port, coalesce(method, '')) where answer is null;
create index network_questions_of_session on network_questions (session_id, answered_at);

create table egress_requests (
  id bigint generated always as identity primary key,
  session_id text not null references sessions (id) on delete cascade,
  workspace_id text not null references workspaces (id),
  -- Of the sandbox.
  generation integer not null,
  -- The calls that were open when it began.
  tool_call_ids text[] not null default '{}',
  protocol text not null check (protocol in ('http', 'https', 'websocket', 'tunnel')),
  host text not null,
  port integer not null,
  method text,
  path text,
  decision text not null check (decision in ('allow', 'deny')),
  rule text not null,
  status integer,
  bytes_up bigint not null,
  bytes_down bigint not null,
  credential_ids text[] not null default '{}',
  error text,
  started_at timestamptz not null,
  duration_ms integer not null
);
create index egress_requests_of_session on egress_requests (session_id, started_at, id);

do $$
declare name text;
begin
  foreach name in array array['network_questions', 'egress_requests']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy own_workspace on %I using (workspace_id = current_workspace()) with check (workspace_id = current_workspace())', name);
    execute format('grant select, insert, update, delete on %I to rondo_app', name);
  end loop;
end $$;

-- Gateways keep what a session may do for a moment. Whatever it is made of tells them when it changes: the payload is an id of a
-- session, an environment or a vault.
create function tell_egress() returns trigger language plpgsql as $$
declare changed jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
begin
  perform pg_notify('rondo_egress', changed ->> tg_argv[0]);
  return null;
end $$;

create trigger tell_egress after update or delete on environments for each row execute function tell_egress('id');
create trigger tell_egress after insert or update or delete on vault_credentials for each row execute function tell_egress('vault_id');
create trigger tell_egress after update or delete on vaults for each row execute function tell_egress('id');
create trigger tell_egress after insert or update or delete on session_resources for each row execute function tell_egress('session_id');
create trigger tell_egress after update on network_questions for each row execute function tell_egress('session_id');
create trigger tell_egress_change after update of agent, vault_ids on sessions for each row execute function tell_egress('id');
create trigger tell_egress_status after update of status on sessions for each row
  when ((old.status = 'terminated') <> (new.status = 'terminated')) execute function tell_egress('id');
create trigger tell_egress_end after delete on sessions for each row execute function tell_egress('id');
