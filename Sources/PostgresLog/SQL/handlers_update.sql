-- Writes down what handlers say of themselves otherwise than before. $1 names, $2 whether each has
-- external side effects. No result.
update apus.handlers h
set external_side_effects = w.external_side_effects
from unnest($1::text[], $2::boolean[]) as w (name, external_side_effects)
where h.name = w.name and h.external_side_effects <> w.external_side_effects
