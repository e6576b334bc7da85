-- Starts or resumes a replay; older fencing numbers are refused from now on. $1 id, $2 fencing
-- number. One row with its pace; none when it is over or a newer number was seen.
update apus.replays
set state = 2, fence = $2, started_at = coalesce(started_at, clock_timestamp())
where id = $1 and fence <= $2 and state in (1, 2)
returning max_events_per_second
