-- Takes the audit trail over. $1: fencing number. Result: position, rows, hash, seconds since the
-- trail's end was published; none when somebody has a higher number.
select c.position, c.rows, c.hash, c.published_before from apus.claim_audit($1) c
