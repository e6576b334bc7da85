-- Makes handlers known. $1 names, $2 the consumers they are, which are known, $3 whether each has
-- external side effects. No result. A new handler's cursor is the head; one that is known stays as it
-- is, and unlocked: who rebuilds it keeps its row for long.
insert into apus.handlers (consumer_id, name, external_side_effects, position)
select c.id, h.name, h.external_side_effects,
    coalesce((select a.last_position from apus.appends a order by a.last_position desc limit 1), 0)
from unnest($1::text[], $2::text[], $3::boolean[]) as h (name, consumer, external_side_effects)
join apus.consumers c on c.name = h.consumer
on conflict do nothing
