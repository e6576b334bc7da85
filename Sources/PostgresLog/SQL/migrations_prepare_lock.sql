-- Waits until no other node makes the place where applied migrations are written down; held until the
-- transaction ends. Anybody may take an advisory lock: it is for the time before there is a table
-- to lock. No parameters, no result.
select pg_advisory_xact_lock(5053001, 0)
