-- Prolongs a lease. $1 name, $2 holder, $3 fencing number, $4 milliseconds from now; zero gives it
-- back. One row; none when it was lost.
update apus.leases
set expires_at = clock_timestamp() + $4::bigint * interval '1 millisecond'
where name = $1 and holder = $2 and fence = $3
returning 1
