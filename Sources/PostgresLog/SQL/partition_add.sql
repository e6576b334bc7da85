-- Makes the next partition; a transaction of its own. No parameters. Result: the last position
-- covered then.
select apus.add_events_partition()
