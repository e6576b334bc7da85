-- Makes handlers known. $1 names, $2 the consumers they are, $3 whether each has external side
-- effects. No result. A new handler's cursor is the head.
with consumers as (
    insert into apus.consumers (name)
    select c.name from unnest($2::text[]) as c (name)
    on conflict (name) do update set name = excluded.name
    returning id, name
)
insert into apus.handlers (consumer_id, name, external_side_effects, position)
select c.id, h.name, h.external_side_effects,
    coalesce((select a.last_position from apus.appends a order by a.last_position desc limit 1), 0)
from unnest($1::text[], $2::text[], $3::boolean[]) as h (name, consumer, external_side_effects)
join consumers c on c.name = h.consumer
on conflict (consumer_id) do update set external_side_effects = excluded.external_side_effects
