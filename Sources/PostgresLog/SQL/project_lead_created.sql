-- Counts created leads: lead-analytics. One element an event: $1 tenants, $2 leads, $3 sources,
-- $4 when they occurred, $5 positions. No result that counts.
select apus.count_leads($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[])
