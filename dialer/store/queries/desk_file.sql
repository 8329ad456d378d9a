-- The desk's own file: who may sign in, who has signed in, and who has seen which alert. No voter is in it.

-- name: password_of
SELECT hash FROM password WHERE name = :name;

-- name: set_password
INSERT INTO password (name, hash, at) VALUES (:name, :hashed, :at)
ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, at = excluded.at;

-- name: remove_password
DELETE FROM password WHERE name = :name;

-- name: end_sessions_of
DELETE FROM session WHERE name = :name;

-- name: begin_session
INSERT INTO session (digest, name, used_at) VALUES (:digest, :name, :at);

-- name: session
SELECT name, used_at FROM session WHERE digest = :digest;

-- name: use_session
UPDATE session SET used_at = :at WHERE digest = :digest;

-- name: end_session
DELETE FROM session WHERE digest = :digest;

-- name: end_idle_sessions
DELETE FROM session WHERE used_at < :before;

-- name: acknowledge
INSERT INTO acknowledged (code, alert_at, name, at) VALUES (:code, :alert_at, :name, :at) ON CONFLICT (code, alert_at) DO NOTHING;

-- The last of each code.
-- name: acknowledged
SELECT code, alert_at, name, max(at) AS at FROM acknowledged GROUP BY code;
