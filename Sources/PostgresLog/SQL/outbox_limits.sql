-- Holds those who publish in SQL to this node's limit. $1 bytes of an event. No result.
update apus.outbox_limits set max_event_bytes = $1 where max_event_bytes <> $1
