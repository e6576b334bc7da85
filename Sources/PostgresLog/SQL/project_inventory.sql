-- Takes in what happened to the stock: inventory. One element a fact: $1 tenants, $2 positions,
-- $3 what it is, $4 orders, $5 numbers of lines, $6 units, $7 quantities. No result.
select apus.project_inventory(
    $1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bigint[])
