-- The desk's own file: who may sign in, who has signed in, and who has seen which alert.

-- name: password_of
SELECT hash, at, once FROM password WHERE name = :name;

-- name: set_password
INSERT INTO password (name, hash, at, once) VALUES (:name, :hash, :at, :once)
ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, at = excluded.at, once = excluded.once;

-- name: delete_password
DELETE FROM password WHERE name = :name;

-- name: end_sessions_of
DELETE FROM session WHERE name = :name;

-- name: set_signed_in
INSERT INTO signed_in (name, at) VALUES (:name, :at) ON CONFLICT (name) DO UPDATE SET at = excluded.at;

-- name: delete_signed_in
DELETE FROM signed_in WHERE name = :name;

-- name: delete_passkeys
DELETE FROM passkey WHERE name = :name;

-- name: delete_known_devices
DELETE FROM known_device WHERE user = :name;

-- name: accounts
SELECT everybody.name, password.at AS password_at, password.once, signed_in.at AS signed_in_at,
       (SELECT count(*) FROM passkey WHERE passkey.name = everybody.name) AS passkeys
FROM (SELECT name FROM password UNION SELECT name FROM signed_in) AS everybody
     LEFT JOIN password ON password.name = everybody.name LEFT JOIN signed_in ON signed_in.name = everybody.name;

-- name: insert_session
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

-- The last acknowledgement of each alert code.
-- name: acknowledged
SELECT code, alert_at, name, max(at) AS at FROM acknowledged GROUP BY code;

-- name: audit_head
SELECT number, digest FROM audit_head WHERE number > 0;

-- name: set_audit_head
INSERT INTO audit_head (one, number, digest) VALUES (1, :number, :digest)
ON CONFLICT (one) DO UPDATE SET number = excluded.number, digest = excluded.digest;
