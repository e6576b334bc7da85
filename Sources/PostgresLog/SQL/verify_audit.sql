-- What is wrong with a page of the audit trail. $1: behind this position, $2: most rows. Result:
-- position, and what is wrong with it; null where all is well.
with page as (
    select t.*, lag(t.position) over w as before, lag(t.hash) over w as previous
    from (
        (select * from apus.audit_trail t where t.position <= $1 order by t.position desc limit 1)
        union all
        (select * from apus.audit_trail t where t.position > $1 order by t.position limit $2)
    ) t
    window w as (order by t.position)
)
select t.position,
    case
        when t.before is not null and coalesce(t.since, t.position) <> t.before + 1
            then format('the audit trail has no row for %s', t.before + 1)
        when t.hash <> apus.audit_link(
            coalesce(t.previous, decode(repeat('00', 32), 'hex')), t.kind, t.position,
            coalesce(t.checksum, t.since))
            then 'the audit trail was changed: its hash is another'
        when t.kind = 3 or e.position is null then null
        when e.checksum is distinct from t.checksum
            then 'the event is not the one that was audited: its checksum was another'
    end
from page t
left join apus.events e on e.position = t.position
where t.position > $1
order by t.position
