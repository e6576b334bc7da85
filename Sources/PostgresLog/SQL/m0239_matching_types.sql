-- Migration 239: which types patterns mean, without regular expressions: a hundred of those cost
-- seconds to compile, for each statement. No parameters, no result.

-- The numbers of the types that any of the patterns matches: `*` stands for one segment, a last
-- `**` for one or more.
create function apus.matching_types(patterns text[]) returns setof integer
language sql stable as $$
    with wanted as materialized (
        -- A shape has as many dots as what it is compared with, so that no `%` matches one.
        select cardinality(s.segments) as length, o.is_open,
            array_agg(replace(replace(array_to_string(s.segments, '.'), '_', '\_'), '*', '%'))
                as shapes
        from unnest(patterns) p (pattern)
        cross join lateral (select p.pattern = '**' or p.pattern like '%.**' as is_open) o
        cross join lateral (select string_to_array(p.pattern, '.') as segments) a
        cross join lateral (
            select a.segments[:cardinality(a.segments) - o.is_open::integer] as segments
        ) s
        group by 1, 2
    )
    select t.id
    from apus.types t
    cross join lateral (select string_to_array(t.name, '.') as segments) n
    where exists (
        select
        from wanted w
        where case when w.is_open
            then cardinality(n.segments) > w.length
            else cardinality(n.segments) = w.length
        end
            and array_to_string(n.segments[:w.length], '.') like any (w.shapes)
    )
$$;
