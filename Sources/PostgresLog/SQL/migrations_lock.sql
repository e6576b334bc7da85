-- Waits until no other node migrates; held until the transaction ends. No parameters, no result.
select pg_advisory_xact_lock(5053001, 0)
