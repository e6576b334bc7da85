-- Migration 201: one list of who needs the log, the audit trail too. No parameters, no result.

-- What retention waits for: each consumer, and the audit trail, still needs all behind `position`. A
-- trail that nobody has written for a day holds nothing back. It is no consumer of
-- apus.consumer_floors, since nobody moves it over what a hard limit drops: it notes that itself.
create view apus.retention_floors (consumer, position) as
select f.consumer, f.position from apus.consumer_floors f
union all
select 'audit', h.position
from apus.audit_head h
join apus.leases l on l.name = 'audit' and l.expires_at > clock_timestamp() - interval '1 day';

-- As before, and the audit trail is asked too.
--
-- As apus.expire_partitions(bigint), but nothing happens while some consumer needs an event beyond
-- `forced`, up to which none is asked. Who was further ahead when retention looked may have begun
-- anew since, or a replay may have come. One row with null and the position of the slowest then.
create or replace function apus.expire_partitions(through bigint, forced bigint)
returns table (consumer text, "position" bigint)
language plpgsql as $$
#variable_conflict use_column
declare
    slowest bigint;
begin
    perform pg_advisory_xact_lock(5053001, 1);
    if through > forced then
        -- Who begins a group anew waits for this lock, or has committed.
        select min(f.position) into slowest from apus.retention_floors f;
        if slowest < through then
            return query select null::text, slowest;
            return;
        end if;
    end if;
    return query select s.consumer, s.position from apus.expire_partitions(through) s;
end
$$;
