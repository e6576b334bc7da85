-- Drops the table of an expired partition that is no longer attached. $1: its name. No result.
select apus.drop_expired_partition($1)
