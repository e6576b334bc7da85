-- Gives new tenants their numbers. $1: names. No result.
insert into apus.tenants (name) select unnest($1::text[]) on conflict do nothing
