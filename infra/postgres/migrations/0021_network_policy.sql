-- A session may have a network policy of its own instead of its environment's; gateways are told when it changes.

alter table sessions add column networking jsonb;
create trigger tell_egress_networking after update of networking on sessions for each row
  when (old.networking is distinct from new.networking) execute function tell_egress('id');
