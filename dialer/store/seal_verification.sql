-- The rows that a verification of the seals compares.

-- name: logged_changes
SELECT one, two, before, after FROM seal_change WHERE evidence = :evidence ORDER BY one, two, change_id;

-- Without the index that the dialler itself removes while it hashes numbers (number_hashes.sql).
-- name: schema_parts
SELECT type, name, coalesce(sql, '') AS sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name <> 'phone_hash_by_hash';

-- name: entry_kind
SELECT kind FROM audit WHERE number = :number;

-- The stored status of each voter, except where it is that of a voter without marks.
-- name: voter_statuses
SELECT voter_id, turnout, reached AS contacted, turnout = 'pending' AND not_yet = 1 AS not_yet FROM voter
WHERE turnout <> 'pending' OR reached <> 0 OR not_yet <> 0 ORDER BY voter_id;

-- The marks that were not undone, by voter, in the order they were recorded.
-- name: marks_in_force
SELECT mark.voter_id, mark.kind, mark.source, mark.at FROM mark
WHERE mark.undoes IS NULL
  AND NOT EXISTS (SELECT 1 FROM mark AS later WHERE later.voter_id = mark.voter_id AND later.undoes = mark.key)
ORDER BY mark.voter_id, mark.mark_id;

-- Numbers of the suppression list that are not marked as opted out.
-- name: not_suppressed
SELECT opt_out.opt_out_id FROM opt_out CROSS JOIN phone ON phone.e164 = opt_out.e164
WHERE phone.opted_out_at IS NULL ORDER BY opt_out.opt_out_id;
