-- Gives new event types their numbers. $1: names, $2: versions, $3: messages. No result.
insert into apus.types (name, version, message)
select * from unnest($1::text[], $2::integer[], $3::text[]) on conflict do nothing
