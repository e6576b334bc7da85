-- Counts messages: message-slo. One element an event: $1 tenants, $2 channels, $3 when they
-- occurred, $4 ends of their buckets, $5 latencies, $6 whether they left. No result.
insert into apus.message_latency as m
    (tenant, channel, hour, up_to_ms, messages, failed, latency_ms)
select t.tenant, t.channel, date_trunc('hour', t.occurred_at, 'UTC'), t.up_to_ms, count(*),
    count(*) filter (where not t.success), sum(t.latency_ms)
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::boolean[])
    as t (tenant, channel, occurred_at, up_to_ms, latency_ms, success)
group by 1, 2, 3, 4
order by 1, 2, 3, 4
on conflict (tenant, channel, hour, up_to_ms) do update
set messages = m.messages + excluded.messages, failed = m.failed + excluded.failed,
    latency_ms = m.latency_ms + excluded.latency_ms
