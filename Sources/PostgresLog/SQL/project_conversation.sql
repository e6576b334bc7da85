-- Takes in what happened in conversations: conversation-analytics. One element an event, or a score
-- of one: $1 tenants, $2 conversations, $3 positions, $4 what happened, $5 when, $6 channels,
-- $7 users, $8 why it ended or what was measured, $9 seconds it lasted, $10 ratings or scores in
-- millionths, $11 whether they are unusable. No result.
with told as (
    select t.*, t.score_millionths * 0.000001 as score,
        (t.at at time zone 'UTC')::date as day
    from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::text[],
        $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::boolean[])
        as t (tenant, conversation_id, position, kind, at, channel, user_id, detail, seconds,
            score_millionths, is_unusable)
), standing as (
    insert into apus.conversations as c (
        tenant, conversation_id, channel, user_id, started_at, ended_at, end_reason,
        duration_seconds, satisfaction, ended_position, received, sent, failed, delivered,
        context_updates)
    select t.tenant, t.conversation_id, max(t.channel collate "C"), max(t.user_id collate "C"),
        min(t.at) filter (where t.kind = 'started'),
        (array_agg(t.at order by t.position desc) filter (where t.kind = 'ended'))[1],
        (array_agg(t.detail order by t.position desc) filter (where t.kind = 'ended'))[1],
        (array_agg(t.seconds order by t.position desc) filter (where t.kind = 'ended'))[1],
        (array_agg(t.score order by t.position desc) filter (where t.kind = 'ended'))[1],
        max(t.position) filter (where t.kind = 'ended'),
        count(*) filter (where t.kind = 'received'), count(*) filter (where t.kind = 'sent'),
        count(*) filter (where t.kind = 'failed'), count(*) filter (where t.kind = 'delivered'),
        count(*) filter (where t.kind = 'context_updated')
    from told t
    where t.kind <> 'score'
    group by 1, 2
    order by 1, 2
    on conflict (tenant, conversation_id) do update
    set channel = greatest(c.channel, excluded.channel),
        user_id = greatest(c.user_id, excluded.user_id),
        started_at = least(c.started_at, excluded.started_at),
        ended_at = case when excluded.ended_position > coalesce(c.ended_position, 0)
            then excluded.ended_at else c.ended_at end,
        end_reason = case when excluded.ended_position > coalesce(c.ended_position, 0)
            then excluded.end_reason else c.end_reason end,
        duration_seconds = case when excluded.ended_position > coalesce(c.ended_position, 0)
            then excluded.duration_seconds else c.duration_seconds end,
        satisfaction = case when excluded.ended_position > coalesce(c.ended_position, 0)
            then excluded.satisfaction else c.satisfaction end,
        ended_position = greatest(c.ended_position, excluded.ended_position),
        received = c.received + excluded.received, sent = c.sent + excluded.sent,
        failed = c.failed + excluded.failed, delivered = c.delivered + excluded.delivered,
        context_updates = c.context_updates + excluded.context_updates
), quality as (
    insert into apus.conversation_quality as q
        (tenant, day, measure, scores, score, unusable_scores)
    select t.tenant, t.day, t.detail, count(t.score), coalesce(sum(t.score), 0),
        count(*) filter (where t.is_unusable)
    from told t
    where t.kind = 'score'
    group by 1, 2, 3
    order by 1, 2, 3
    on conflict (tenant, day, measure) do update
    set scores = q.scores + excluded.scores, score = q.score + excluded.score,
        unusable_scores = q.unusable_scores + excluded.unusable_scores
)
insert into apus.conversation_days as d (
    tenant, day, channel, started, ended, completed, abandoned, escalated, timed_out, received,
    sent, failed, delivered, duration_seconds, satisfaction, rated, unusable_ratings)
select t.tenant, t.day, coalesce(t.channel, 'unknown'),
    count(*) filter (where t.kind = 'started'), count(*) filter (where t.kind = 'ended'),
    count(*) filter (where t.detail = 'completed'), count(*) filter (where t.detail = 'abandoned'),
    count(*) filter (where t.detail = 'escalated'), count(*) filter (where t.detail = 'timeout'),
    count(*) filter (where t.kind = 'received'), count(*) filter (where t.kind = 'sent'),
    count(*) filter (where t.kind = 'failed'), count(*) filter (where t.kind = 'delivered'),
    sum(t.seconds), coalesce(sum(t.score), 0), count(t.score),
    count(*) filter (where t.is_unusable)
from told t
where t.kind not in ('score', 'context_updated')
group by 1, 2, 3
order by 1, 2, 3
on conflict (tenant, day, channel) do update
set started = d.started + excluded.started, ended = d.ended + excluded.ended,
    completed = d.completed + excluded.completed, abandoned = d.abandoned + excluded.abandoned,
    escalated = d.escalated + excluded.escalated, timed_out = d.timed_out + excluded.timed_out,
    received = d.received + excluded.received, sent = d.sent + excluded.sent,
    failed = d.failed + excluded.failed, delivered = d.delivered + excluded.delivered,
    duration_seconds = d.duration_seconds + excluded.duration_seconds,
    satisfaction = d.satisfaction + excluded.satisfaction, rated = d.rated + excluded.rated,
    unusable_ratings = d.unusable_ratings + excluded.unusable_ratings
