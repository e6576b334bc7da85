-- Takes a lease that is free, expired, or the same holder's. $1 name, $2 holder, $3 milliseconds.
-- One row with the fencing number; none while another holds it.
insert into apus.leases as l (name, holder, fence, expires_at)
values ($1, $2, 1, clock_timestamp() + $3::bigint * interval '1 millisecond')
on conflict (name) do update
set holder = excluded.holder, fence = l.fence + 1, expires_at = excluded.expires_at
where l.expires_at <= clock_timestamp() or l.holder = excluded.holder
returning fence
