-- Keeps retention from dropping events until the end of the transaction. No parameters, no result of
-- interest.
select apus.share_partitions()
