-- Lists of agents and environments, newest first, and whether an environment has sessions.
create index agents_recent on agents (workspace_id, created_at desc, id desc);
create index environments_recent on environments (workspace_id, created_at desc, id desc);
create index sessions_of_environment on sessions (environment_id);

-- How heavy a row is, so that a page of a list can end before it is too heavy to answer.
alter table events add column bytes integer generated always as (octet_length(body::text)) stored;
alter table inbox add column bytes integer generated always as (octet_length(body::text)) stored;
