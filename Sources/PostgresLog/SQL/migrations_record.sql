-- Writes down an applied migration. $1: name, $2: text. No result.
insert into apus.migrations (name, checksum) values ($1, md5($2))
