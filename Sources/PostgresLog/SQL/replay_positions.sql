-- The next positions of a replay's plan. $1 replay, $2 after, $3 how many (no more than a chunk
-- holds). Positions in order.
select p.position
from (
    select positions from apus.replay_chunks
    where replay_id = $1 and last_position > $2
    order by last_position
    limit 2
) c, unnest(c.positions) as p (position)
where p.position > $2
order by p.position
limit $3
