-- Opens a dead letter for each event, with a copy of it. $1 consumer, $2 positions, $3 reasons.
-- No result.
with failed as (
    select c.id as consumer_id, f.position, f.reason, e.tenant_id
    from unnest($2::bigint[], $3::text[]) as f (position, reason)
    join apus.events e on e.position = f.position
    join apus.consumers c on c.name = $1
), left_open as (
    insert into apus.unfinished (position, consumer_id, tenant_id)
    select f.position, f.consumer_id, f.tenant_id from failed f
    on conflict do nothing
), copied as (
    insert into apus.kept_events
    select e.* from apus.events e where e.position = any ($2::bigint[])
    on conflict do nothing
)
insert into apus.dead_letters (consumer_id, position, tenant_id, dead_lettered_at, reason)
select f.consumer_id, f.position, f.tenant_id, clock_timestamp(), f.reason from failed f
on conflict do nothing
