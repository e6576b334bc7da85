-- Migration 243: open dead letters are found by whose they are. No parameters, no result.

-- A handler's are each event's tenant's, in the order in which they are shown and in that in which
-- they are tried again.
create index dead_letters_open_listed on apus.dead_letters (tenant_id, consumer_id, id)
    where resolved_at is null;
create index dead_letters_open_tenant on apus.dead_letters (tenant_id, consumer_id, position)
    where resolved_at is null;
-- A group's are its own tenant's, whoever the events are of.
create index dead_letters_open_group on apus.dead_letters (consumer_id, id)
    where resolved_at is null;
