-- Notes that the audit trail's end was published. $1: fencing number, $2: position of that event.
-- No result.
update apus.audit_head h
set published_at = clock_timestamp(), published_position = $2
where h.fence = $1
