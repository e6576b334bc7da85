-- Whether the audit trail has anything new to publish. $1: fencing number. One row; none when it has
-- not: all that came since is the event that published its end last.
select 1 from apus.audit_head h where h.fence = $1 and h.position > h.published_position
