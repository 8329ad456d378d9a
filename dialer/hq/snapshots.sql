-- Pages of a snapshot: rows after the last one of the page before. PostgreSQL.

-- name: opt_outs
SELECT number_hash, at, centre FROM opt_out WHERE number_hash > $1 ORDER BY number_hash LIMIT $2;

-- The marks of a voter are in the order of arrival.
-- name: marks
SELECT part_number, serial, number, centre, payload::text FROM mark
WHERE state_code = $1 AND constituency_number = $2 AND (part_number, serial, number) > ($3, $4, $5)
  AND (kind = 'voted' OR source = 'correction' OR undoes IS NOT NULL)
ORDER BY part_number, serial, number LIMIT $6;
