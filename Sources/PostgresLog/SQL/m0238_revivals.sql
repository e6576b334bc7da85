-- Migration 238: dead letters that are to be tried again are heard of as they become due. No
-- parameters, no result.

-- Of a dead letter that is to be tried again (`verdict` 11), and afterwards: when, at the earliest.
-- It tells this try from those before. `-infinity`: a node of an earlier release did not say;
-- `verdict_delay_us` counts from when it is heard.
alter table apus.work add column revive_at timestamptz not null default '-infinity';

create index work_revivals on apus.work (consumer_id, partition, revive_at, position)
    where verdict = 11;
-- What else was said is found among any number of those.
create index work_answers on apus.work (consumer_id, partition, position)
    where verdict <> 11;

-- Empties a stretch of a table of the schema apus, for who must not do all in one statement.
--
-- Result: whether the table goes on behind it.
create function apus.empty_blocks(emptied text, first_block bigint, blocks bigint) returns boolean
language plpgsql as $$
begin
    execute format('delete from apus.%I where ctid >= %L::tid and ctid < %L::tid', emptied,
        format('(%s,0)', first_block), format('(%s,0)', first_block + blocks));
    return (first_block + blocks) * current_setting('block_size')::bigint
        < pg_relation_size(format('apus.%I', emptied)::regclass);
end
$$;
