-- Writes down what handlers want; a pattern that is new counts from where the handler is.
-- $1 handlers' names, $2 patterns, $3 the patterns as regular expressions. No result.
with wanted as (
    select h.consumer_id, w.pattern, w.regex, coalesce((
        select min(p.position) from apus.consumer_partitions p
        where p.consumer_id = h.consumer_id), h.position) as position
    from unnest($1::text[], $2::text[], $3::text[]) as w (name, pattern, regex)
    join apus.handlers h on h.name = w.name
), dropped as (
    delete from apus.handler_patterns p
    where p.consumer_id in (select w.consumer_id from wanted w)
        and not exists (
            select from wanted w where w.consumer_id = p.consumer_id and w.pattern = p.pattern)
)
insert into apus.handler_patterns (consumer_id, pattern, regex, counts_after)
select w.consumer_id, w.pattern, w.regex, w.position from wanted w
on conflict (consumer_id, pattern) do nothing
