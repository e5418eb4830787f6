-- What each worker process last said of itself: not bound to a workspace, holds nothing of one.
create table worker_status (
  id text primary key,
  seen_at timestamptz not null default now(),
  engine text,
  runtime text,
  isolation text,
  detail jsonb not null default '{}'
);
grant select, insert, update, delete on worker_status to rondo_app;
