-- Forgets what a group took up; its partitions are locked by then. $1 consumer. No result.
with lanes as (
    delete from apus.consumer_lanes where consumer_id = $1
)
delete from apus.work where consumer_id = $1
