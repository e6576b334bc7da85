-- Replays that are not over, oldest first. $1 how many. Ids.
select id from apus.replays where state in (1, 2) order by id limit $1
