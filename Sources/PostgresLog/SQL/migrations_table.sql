-- Whether the database has ever been migrated. No parameters. Result: whether.
select to_regclass('apus.migrations') is not null
