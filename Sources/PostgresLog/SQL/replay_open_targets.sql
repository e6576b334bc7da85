-- The targets that run. $1 replay. Handler, cursor.
select handler, position from apus.replay_targets
where replay_id = $1 and skipped_reason = '' order by handler
