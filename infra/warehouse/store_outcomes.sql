-- Store the outcomes of calls by the day of the call. They have no mark of what is new, and rows of erased calls must
-- disappear, so all rows are replaced. In one transaction, no report lacks outcomes meanwhile.
BEGIN TRANSACTION;
DELETE FROM `${dataset}.stored_outcomes` WHERE TRUE;
INSERT INTO `${dataset}.stored_outcomes` (${columns})
SELECT ${columns}
FROM `${reports}.outcomes_by_day`;
COMMIT TRANSACTION;
