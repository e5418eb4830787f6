-- Lists of agents and environments, newest first, and whether an environment has sessions.
create index agents_recent on agents (workspace_id, created_at desc, id desc);
create index environments_recent on environments (workspace_id, created_at desc, id desc);
create index sessions_of_environment on sessions (environment_id);
