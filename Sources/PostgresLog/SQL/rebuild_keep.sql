-- Keeps retention from dropping events until the end of the transaction. No parameters, no result of
-- interest.
select pg_advisory_xact_lock_shared(5053001, 1)
