-- The gatherer. PostgreSQL; many rows are passed as arrays, one for each column.

-- name: lock
SELECT pg_try_advisory_lock(7301521);

-- name: set_centre_zones
INSERT INTO centre (centre, zone) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (centre) DO UPDATE SET zone = excluded.zone;

-- name: position
SELECT position, stored_at FROM stream_position WHERE stream = $1;

-- name: set_position
UPDATE stream_position SET position = $2, stored_at = NULL WHERE stream = $1;

-- name: peer_updates
SELECT id, subject, data FROM peer_update ORDER BY id LIMIT $1;

-- name: delete_peer_updates
DELETE FROM peer_update WHERE id <= $1;
