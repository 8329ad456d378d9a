-- Orders of supervisors that stay in force after a restart.

-- name: orders
SELECT addressee, command, content, at, until FROM standing_order ORDER BY addressee, command;

-- name: set_order
INSERT INTO standing_order (addressee, command, content, at, until) VALUES (:addressee, :command, :content, :at, :until)
ON CONFLICT (addressee, command) DO UPDATE SET content = :content, at = :at, until = :until;

-- name: delete_order
DELETE FROM standing_order WHERE addressee = :addressee AND command = :command;

-- name: delete_orders_for
DELETE FROM standing_order WHERE addressee = :addressee;

-- name: delete_expired
DELETE FROM standing_order WHERE until <= :now;
