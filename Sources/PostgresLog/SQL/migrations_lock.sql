-- Waits until no other node migrates; held until the transaction ends. No parameters, no result.
lock table apus.migrations in share row exclusive mode
