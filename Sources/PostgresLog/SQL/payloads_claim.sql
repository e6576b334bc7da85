-- Takes the writing of payloads over. $1: fence. Result: the position behind which to go on; no row:
-- there is a newer fence.
select p from apus.claim_payloads($1) as p
