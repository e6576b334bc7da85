-- Drops a page of a consumer's work. $1 consumer, $2 partition and $3 position of the last that was
-- dropped, $4 how many. One row: partition and position of the last one; none when nothing is left.
with page as materialized (
    select w.ctid, w.partition, w.position
    from apus.work w
    where w.consumer_id = $1 and (w.partition, w.position) > ($2::smallint, $3::bigint)
    order by w.partition, w.position
    limit $4
), dropped as (
    -- No plan reads the table for each page.
    delete from apus.work w where w.ctid = any (array(select p.ctid from page p))
)
select p.partition, p.position
from page p
order by p.partition desc, p.position desc
limit 1
