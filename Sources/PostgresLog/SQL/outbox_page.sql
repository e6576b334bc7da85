-- The outbox's next events, in order of transaction and number. $1 transaction, $2 number: all up
-- to there was looked at, but for $3, transactions that were running then: of those, all up to the
-- numbers $4. $5 most rows, $6 bytes at which the page ends.
-- Each row: the first transaction that this statement's snapshot knows nothing of; those that were
-- running; then the event, null when there is none.
select s.beyond, case when coalesce(p.place, 1) = 1 then s.running end, p.transaction_id, p.number,
    p.published_at, p.bytes, p.id, p.id_chosen, p.tenant, p.type, p.version, p.data, p.payload,
    p.subject, p.partition_key, p.source, p.occurred_at, p.correlation_id, p.causation_id,
    p.user_id, p.session_id, p.request_id, p.channel, p.user_agent, p.ip_address, p.traceparent,
    p.tracestate, p.extra
from (
    select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as beyond,
        array(select x::text::bigint from pg_snapshot_xip(pg_current_snapshot()) x) as running
) s
left join lateral (
    select c.*, row_number() over (order by c.transaction_id, c.number) as place,
        sum(c.bytes) over (order by c.transaction_id, c.number) - c.bytes as bytes_before
    from (
        (
            select o.* from apus.outbox o
            where (o.transaction_id, o.number) > ($1, $2)
            order by o.transaction_id, o.number
            limit $5
        )
        union all
        (
            select o.*
            from unnest($3::bigint[], $4::bigint[]) as t (transaction_id, number)
            cross join lateral (
                select o.* from apus.outbox o
                -- Of one that still runs nothing is visible: do not walk what it has inserted.
                where pg_visible_in_snapshot(t.transaction_id::text::xid8, pg_current_snapshot())
                    and o.transaction_id = t.transaction_id and o.number > t.number
                order by o.number
                limit $5
            ) o
        )
        order by transaction_id, number
        limit $5
    ) c
) p on p.bytes_before < $6
order by p.place
