-- A node is gone. $1 node. No result.
with dead as (
    delete from apus.consumer_nodes where node = $1
)
delete from apus.consumer_members where node = $1
