-- Makes the place where applied migrations are written down. No parameters, no result.
create schema if not exists apus;
create table if not exists apus.migrations (
    name text primary key,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp()
);
