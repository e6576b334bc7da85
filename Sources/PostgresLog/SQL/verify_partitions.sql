-- What is wrong with the tables of events. No parameters. Result: position, what is wrong; at most
-- 1,000.
with listed as (
    select p.first_position, p.last_position, p.name, false as is_expired,
        lag(p.last_position) over (order by p.first_position) as before
    from apus.event_partitions p
    union all
    select x.first_position, x.last_position, x.name, true, null from apus.expired_partitions x
), attached as (
    select c.relname::text as name, pg_get_expr(c.relpartbound, c.oid) as bounds
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'apus.events'::regclass
)
select l.first_position, case
    when l.before <> l.first_position - 1 then
        format('partition %s does not begin where the one before ends, at %s', l.name, l.before)
    when a.name is null then format('partition %s is listed, and there is no such table', l.name)
    else format('partition %s holds %s, not %s to %s', l.name, a.bounds, l.first_position,
        l.last_position)
    end
from listed l
left join attached a on a.name = l.name
where l.before <> l.first_position - 1
    or (not l.is_expired and a.name is null)
    or a.bounds <> format('FOR VALUES FROM (%L) TO (%L)', l.first_position, l.last_position + 1)
union all
select null, format('table %s is a partition of the log and not listed as one', a.name)
from attached a
where not exists (select from listed l where l.name = a.name)
union all
select h.covered_through, 'appends are told of partitions up to here, where none are'
from apus.log_head h
where h.covered_through > coalesce((select max(l.last_position) from listed l), 0)
limit 1000
