-- Makes every session read the list of partitions again; a transaction of its own. No parameters.
select apus.renew_plans()
