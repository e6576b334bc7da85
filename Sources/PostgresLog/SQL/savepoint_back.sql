-- Takes the change back. No parameters, no result.
rollback to savepoint change
