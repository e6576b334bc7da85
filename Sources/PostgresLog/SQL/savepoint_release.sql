-- The change is one of the transaction's. No parameters, no result.
release savepoint change
