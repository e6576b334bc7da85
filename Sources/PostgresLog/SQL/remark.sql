-- Leaves answers to hand-outs for whoever holds the partitions. $1 consumer; one element an answer:
-- $2 partitions, $3 positions, $4 fences, $5 tickets, $6 verdicts, $7 reasons, $8 microseconds of
-- delay. The ordinals of those that count.
update apus.work w
set verdict = a.verdict, verdict_reason = a.reason, verdict_delay_us = a.delay
from unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::integer[], $6::smallint[], $7::text[],
    $8::bigint[]) with ordinality
    as a (partition, position, fence, ticket, verdict, reason, delay, ordinal)
where w.consumer_id = $1 and w.partition = a.partition and w.position = a.position
    and w.fence = a.fence and w.ticket = a.ticket and w.state in (1, 2)
    -- An extension may be followed by a last word.
    and (w.verdict is null or w.verdict = 4)
returning a.ordinal
