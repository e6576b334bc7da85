-- Gives handlers that have none their partitions. No parameters, no result of interest.
select apus.adopt_handlers()
