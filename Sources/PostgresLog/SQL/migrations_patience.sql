-- Gives up waiting for a table that a transaction uses: whoever comes behind a lock that waits has
-- to wait too. Until the end of the transaction. No parameters, no result.
set local lock_timeout = '500ms'
