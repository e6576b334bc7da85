-- Makes the next partition, unless somebody else has; a transaction of its own. No parameters.
-- Result: the last position covered then.
select apus.add_events_partition()
