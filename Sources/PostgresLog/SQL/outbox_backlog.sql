-- How much waits, counted up to 100,000. $1 to $4 as outbox_page.sql.
-- One row: events in the outbox, seconds since the first was published, events that were rejected.
select w.events, coalesce(w.seconds, 0), r.events
from (
    select count(*) as events,
        extract(epoch from clock_timestamp() - min(c.published_at))::float8 as seconds
    from (
        (
            select o.published_at from apus.outbox o
            where (o.transaction_id, o.number) > ($1, $2)
            order by o.transaction_id, o.number
            limit 100000
        )
        union all
        (
            select o.published_at
            from unnest($3::bigint[], $4::bigint[]) as t (transaction_id, number)
            cross join lateral (
                select o.published_at from apus.outbox o
                where pg_visible_in_snapshot(t.transaction_id::text::xid8, pg_current_snapshot())
                    and o.transaction_id = t.transaction_id and o.number > t.number
                limit 100000
            ) o
        )
        limit 100000
    ) c
) w, (select count(*) as events from (select from apus.outbox_rejects limit 100000) r) r
