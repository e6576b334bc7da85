-- Keeps a handler from being made anew or forgotten until the commit; it may be paused meanwhile.
-- $1 handler. No result that matters.
select from apus.handlers where name = $1 for key share
