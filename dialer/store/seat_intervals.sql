-- The time that seats spent in each state.

-- name: insert_interval
INSERT INTO seat_interval (seat, agent, state, from_at, until_at, reason) VALUES (:seat, :agent, :state, :from_at, :until_at, :reason)
ON CONFLICT (from_at, seat, state) DO NOTHING;
