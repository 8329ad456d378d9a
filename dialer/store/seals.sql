-- The log of sealed changes.

-- name: change_count
SELECT count(*) FROM seal_change;
