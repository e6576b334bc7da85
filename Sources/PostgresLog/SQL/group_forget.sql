-- Forgets what a group took up; its partitions are locked by then, or gone. $1 consumer. No result.
--
-- Dead letters behind the cursor go on holding their keys.
with lanes as (
    delete from apus.consumer_lanes where consumer_id = $1
)
delete from apus.work w
where w.consumer_id = $1 and (w.state <> 3 or w.position > coalesce((
    select min(p.position) from apus.consumer_partitions p where p.consumer_id = $1), 0))
