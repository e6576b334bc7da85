-- Lets readers and appends rely on the partitions that were made; a transaction of its own. No
-- parameters. Result: last position open then.
select apus.open_partitions()
