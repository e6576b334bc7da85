-- Sets how many positions partitions made from now on have. $1: how many. No result.
update apus.log_head set partition_size = $1 where partition_size <> $1
