-- Keeps a handler from being made anew or forgotten until the commit; it may be paused meanwhile.
-- $1 handler. One row: whether it is paused; none when nobody knows it.
select paused from apus.handlers where name = $1 for key share
