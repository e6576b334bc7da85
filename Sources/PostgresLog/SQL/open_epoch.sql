-- Opens a new epoch if this is another history than before. $1: the epochs that this node knew of,
-- oldest first; $2: a position that it knew to be stored. No result.
select apus.open_epoch($1, $2)
