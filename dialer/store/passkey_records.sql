-- Passkeys in the desk's file: public keys only.

-- name: of_name
SELECT credential, name, handle, public_key, sign_count, at, used_at FROM passkey WHERE name = :name ORDER BY at, credential;

-- name: find
SELECT credential, name, handle, public_key, sign_count, at, used_at FROM passkey WHERE credential = :credential;

-- name: add
INSERT INTO passkey (credential, name, handle, public_key, sign_count, at)
VALUES (:credential, :name, :handle, :public_key, :sign_count, :at) ON CONFLICT DO NOTHING;

-- The sign count lets only one of two simultaneous answers through.
-- name: use
UPDATE passkey SET sign_count = :sign_count, used_at = :at WHERE credential = :credential AND sign_count = :before;

-- name: remove
DELETE FROM passkey WHERE name = :name AND credential = :credential;
