-- The agent at each seat.

-- name: set_log_in
INSERT INTO log_in (seat, agent, paused, reason, at) VALUES (:seat, :agent, :paused, :reason, :at)
ON CONFLICT (seat) DO UPDATE SET agent = :agent, paused = :paused, reason = :reason, at = :at;

-- name: agent_at
SELECT agent FROM log_in WHERE seat = :seat;

-- name: delete_log_in
DELETE FROM log_in WHERE seat = :seat;

-- name: log_ins
SELECT seat, agent, paused, reason, at FROM log_in ORDER BY seat;
