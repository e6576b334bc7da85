-- Every event type of the log. No parameters. Result: id, name, version, message.
select t.id, t.name, t.version, t.message from apus.types t
