-- Moves a page of the outbox into the log. $1 to $32 as append.sql; then of the page's rows:
-- $33 lease, $34 its holder, $35 its fencing number, $36 transactions, $37 numbers, $38 ordinals,
-- $39 fingerprints, $40 first fingerprints, $41 reasons, $42 details: see apus.leave_outbox() in
-- m0115_outbox.sql, also for how it fails. Result as append.sql.
with answer as materialized (
    select * from apus.append(
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)
), known as materialized (
    select coalesce(array_agg(a.ordinal), '{}') as ordinals,
        coalesce(array_agg(a.fingerprint), '{}') as fingerprints
    from answer a
    where a.state in (1, 2)
), gone as materialized (
    select apus.leave_outbox(
        $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, k.ordinals, k.fingerprints) as all_gone
    from known k
)
select a.* from answer a, gone g where g.all_gone
