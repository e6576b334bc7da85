-- Opens a new epoch if this is another Postgres history than before. No parameters. Result: the
-- head's position.
select apus.open_epoch(), (select max(a.last_position) from apus.appends a)
