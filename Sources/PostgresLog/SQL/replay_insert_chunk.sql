-- Keeps a stretch of a replay's plan. $1 replay, $2 last position, $3 positions in order. No result.
insert into apus.replay_chunks (replay_id, last_position, positions) values ($1, $2, $3)
