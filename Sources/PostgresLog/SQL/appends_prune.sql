-- Forgets appends that nobody can be in doubt about. $1: how many positions to keep.
delete from apus.appends a
where a.last_position < (select max(n.last_position) from apus.appends n) - $1
