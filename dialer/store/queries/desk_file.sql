-- The desk's own file: who may sign in, who has signed in, and who has seen which alert. No voter is in it.

-- name: password_of
SELECT hash FROM password WHERE name = ?1;

-- name: set_password
INSERT INTO password (name, hash, at) VALUES (?1, ?2, ?3)
ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, at = excluded.at;

-- name: remove_password
DELETE FROM password WHERE name = ?1;

-- name: end_sessions_of
DELETE FROM session WHERE name = ?1;

-- name: begin_session
INSERT INTO session (digest, name, used_at) VALUES (?1, ?2, ?3);

-- name: session
SELECT name, used_at FROM session WHERE digest = ?1;

-- name: use_session
UPDATE session SET used_at = ?2 WHERE digest = ?1;

-- name: end_session
DELETE FROM session WHERE digest = ?1;

-- name: end_idle_sessions
DELETE FROM session WHERE used_at < ?1;

-- name: acknowledge
INSERT INTO acknowledged (code, alert_at, name, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (code, alert_at) DO NOTHING;

-- The last of each code.
-- name: acknowledged
SELECT code, alert_at, name, max(at) FROM acknowledged GROUP BY code;
