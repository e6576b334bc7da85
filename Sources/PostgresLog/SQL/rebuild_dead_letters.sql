-- Closes a page of a consumer's dead letters. $1 consumer, $2 position of the last that was closed,
-- $3 how many. One row: position of the last one; none when nothing is left.
with page as materialized (
    select d.ctid, d.position
    from apus.dead_letters d
    where d.consumer_id = $1 and d.resolved_at is null and d.position > $2
    order by d.position
    limit $3
), closed as (
    -- No plan reads the table for each page.
    update apus.dead_letters d
    set resolved_at = clock_timestamp(), resolution = 2
    where d.ctid = any (array(select p.ctid from page p)) and d.resolved_at is null
)
select p.position from page p order by p.position desc limit 1
