-- Empties a stretch of a projection's table. $1 table, of the schema apus, $2 its first block,
-- $3 how many. One row: whether there are more.
select apus.empty_blocks($1, $2, $3)
