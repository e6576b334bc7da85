-- Changes a group. $1 tenant, $2 name, $3 types, $4 tenants (null: all), $5 subject prefix,
-- $6 sources, $7 kinds, $8 ordering, $9 most attempts, $10 microseconds of the ack deadline.
-- One row; none when there is none.
update apus.groups
set types = $3, tenants = $4, subject_prefix = $5, sources = $6, kinds = $7, ordering = $8,
    max_attempts = $9, ack_deadline_us = $10, version = version + 1
where tenant = $1 and name = $2
returning consumer_id
