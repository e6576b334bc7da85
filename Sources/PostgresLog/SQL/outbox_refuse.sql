-- Moves a page of the outbox, of which the log takes nothing, to the rejects. $1 lease, $2 its
-- holder, $3 its fencing number, $4 transactions, $5 numbers, $6 ordinals, $7 fingerprints, $8 first
-- fingerprints, $9 reasons, $10 details: see apus.leave_outbox() in m0115_outbox.sql. One row: true.
select apus.leave_outbox($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '{}', '{}')
