-- Deletes a group; group_forget.sql follows in the same transaction. $1 tenant, $2 name. One row
-- with its consumer; none when there is none.
with gone as (
    delete from apus.groups where tenant = $1 and name = $2 returning consumer_id
), partitions as (
    delete from apus.consumer_partitions p using gone g where p.consumer_id = g.consumer_id
), members as (
    delete from apus.consumer_members m using gone g where m.consumer_id = g.consumer_id
), closed as (
    update apus.dead_letters d
    set resolved_at = clock_timestamp(), resolution = 2
    from gone g
    where d.consumer_id = g.consumer_id and d.resolved_at is null
)
select consumer_id from gone
