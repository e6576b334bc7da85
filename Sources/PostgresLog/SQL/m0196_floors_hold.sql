-- Migration 196: retention asks once more who needs what is about to go. No parameters, no result.

-- As apus.expire_partitions(bigint), but nothing happens while some consumer needs an event beyond
-- `forced`, up to which none is asked. Who was further ahead when retention looked may have begun
-- anew since, or a replay may have come. One row with null and the position of the slowest then.
create function apus.expire_partitions(through bigint, forced bigint)
returns table (consumer text, "position" bigint)
language plpgsql as $$
#variable_conflict use_column
declare
    slowest bigint;
begin
    perform pg_advisory_xact_lock(5053001, 1);
    if through > forced then
        -- Who begins a group anew waits for this lock, or has committed.
        select min(f.position) into slowest from apus.consumer_floors f;
        if slowest < through then
            return query select null::text, slowest;
            return;
        end if;
    end if;
    return query select s.consumer, s.position from apus.expire_partitions(through) s;
end
$$;
