-- Whether the audit trail is what was published of it. $1: position of the event that did, $2: the
-- trail's position, $3: its hash there. Result: position of the event, what is wrong.
select $1::bigint, format('it says that the audit trail has another hash at %s', $2::bigint)
where exists (select from apus.audit_trail t where t.position = $2 and t.hash <> $3)
    or (not exists (select from apus.audit_trail t where t.position = $2)
        and exists (select from apus.audit_trail t where t.position < $2))
