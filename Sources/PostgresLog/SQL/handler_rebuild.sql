-- Begins a projection anew. $1 handler, $2 its tables in the schema apus. One row: 1 done, 2 no such
-- handler, 3 retention has dropped what it needs.
select apus.rebuild_handler($1, $2)
