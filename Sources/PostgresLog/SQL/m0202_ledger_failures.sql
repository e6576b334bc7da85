-- Migration 202: a ledger of failures only. No parameters, no result.

-- Sessions of a node whose operator wants to keep no runs that ended well set apus.ledger to
-- `failures`; then those get no row (2: succeeded, 3: declined). Runs are counted all the same, and
-- statuses do not come from here.
create function apus.leave_out_of_ledger() returns trigger
language plpgsql as $$
begin
    return null;
end
$$;
create trigger ledger_failures_only before insert on apus.ledger
    for each row
    when (new.outcome in (2, 3) and current_setting('apus.ledger', true) = 'failures')
    execute function apus.leave_out_of_ledger();
