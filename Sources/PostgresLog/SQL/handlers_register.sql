-- Makes handlers known. $1 names, $2 whether each has external side effects. No result.
-- A new handler's cursor is the head.
with consumers as (
    insert into apus.consumers (name)
    select 'handler/' || name from unnest($1::text[]) as name
    on conflict (name) do update set name = excluded.name
    returning id, name
)
insert into apus.handlers (consumer_id, name, external_side_effects, position)
select c.id, h.name, h.external_side_effects,
    coalesce((select a.last_position from apus.appends a order by a.last_position desc limit 1), 0)
from unnest($1::text[], $2::boolean[]) as h (name, external_side_effects)
join consumers c on c.name = 'handler/' || h.name
on conflict (consumer_id) do update set external_side_effects = excluded.external_side_effects
