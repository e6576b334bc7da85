-- Appends one event. Parameters and result: see apus.append_one() in m0165_append_one.sql.
select apus.append_one(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22, $23, $24, $25, $26, $27)
