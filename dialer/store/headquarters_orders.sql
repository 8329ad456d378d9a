-- Orders of headquarters that this centre obeyed. A stop stays in force until it is lifted; its column `stopped` has
-- the campaigns that it stopped, with their states before, as a JSON object.

-- name: orders
SELECT order_id, digest, kind, made_at FROM headquarters_order ORDER BY made_at;

-- name: stops_in_force
SELECT order_id, stopped FROM headquarters_order WHERE kind = 'stop-all' AND lifted_at IS NULL ORDER BY made_at;

-- name: insert_order
INSERT INTO headquarters_order (order_id, digest, kind, made_at, stopped) VALUES (:order_id, :digest, :kind, :made_at, :stopped)
ON CONFLICT (order_id) DO NOTHING;

-- name: lift_stops
UPDATE headquarters_order SET lifted_at = :at WHERE kind = 'stop-all' AND lifted_at IS NULL;

-- Older than the newest order by the longest validity. The last resume stays, because it supersedes every stop before it.
-- name: delete_expired
DELETE FROM headquarters_order
WHERE made_at < (SELECT max(made_at) FROM headquarters_order) - :seconds AND (kind <> 'stop-all' OR lifted_at IS NOT NULL)
  AND made_at < coalesce((SELECT max(made_at) FROM headquarters_order WHERE kind = 'resume'), 0);
