-- A session may have a network policy of its own instead of its environment's; gateways are told when it changes.

alter table sessions add column networking jsonb;
create trigger tell_egress_networking after update of networking on sessions for each row
  when (old.networking is distinct from new.networking) execute function tell_egress('id');

-- Whoever reads the audit page by page must not go past a line that is committed later. So lines of a workspace get their time one
-- transaction after the other, until its commit. The lock comes before any line is made, so before its time is taken.
create function order_egress() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('audit of ' || current_workspace(), 0));
  return null;
end $$;
create trigger order_egress before insert on egress_requests for each statement execute function order_egress();
