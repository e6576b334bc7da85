-- Marks where a change of a projection begins. No parameters, no result.
savepoint change
