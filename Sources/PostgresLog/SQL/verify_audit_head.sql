-- What is wrong with the end of the audit trail. No parameters. Result: position, what is wrong.
select h.position, format('the audit trail ends at %s with %s rows, and is said to end here with %s',
    coalesce(t.position, 0), coalesce(t.rows, 0), h.rows)
from apus.audit_head h
left join (select max(t.position) as position, count(*) as rows from apus.audit_trail t) t on true
where h.rows <> coalesce(t.rows, 0) or (t.rows > 0 and h.position <> t.position)
union all
select h.position, 'the audit trail ends with another hash than is said of it'
from apus.audit_head h
join apus.audit_trail t on t.position = h.position
where t.hash <> h.hash
