-- The log of changes to evidence, and the epochs in which it is signed.

-- The temporary table that the triggers of `evidence.py` fill.
-- name: touched
SELECT evidence, one, two, before FROM touched;

-- name: any_touched
SELECT EXISTS (SELECT 1 FROM touched);

-- name: delete_touched
DELETE FROM touched;

-- name: append_change
INSERT INTO seal_change (evidence, one, two, before, after) VALUES (:evidence, :one, :two, :before, :after);

-- name: add_salt
INSERT INTO seal_salt (evidence, one, two, salt) VALUES (:evidence, :one, :two, :salt) ON CONFLICT DO NOTHING;

-- name: set_salt
INSERT INTO seal_salt (evidence, one, two, salt) VALUES (:evidence, :one, :two, :salt)
ON CONFLICT (evidence, one, two) DO UPDATE SET salt = excluded.salt;

-- name: delete_salt
DELETE FROM seal_salt WHERE evidence = :evidence AND one = :one AND two = :two;

-- name: delete_salts
DELETE FROM seal_salt;

-- name: log_after
SELECT change_id, evidence, one, two, before, after FROM seal_change WHERE change_id > :last ORDER BY change_id;

-- name: log_between
SELECT change_id, evidence, one, two, before, after FROM seal_change WHERE change_id BETWEEN :first AND :last ORDER BY change_id;

-- name: log_end
SELECT (SELECT coalesce(max(change_id), 0) FROM seal_change) AS last_row,
       coalesce((SELECT last FROM seal_tail), 0) AS last, coalesce((SELECT mac FROM seal_tail), x'') AS mac;

-- name: set_tail
INSERT INTO seal_tail (one, last, mac) VALUES (1, :last, :mac)
ON CONFLICT (one) DO UPDATE SET last = excluded.last, mac = excluded.mac;

-- name: delete_log_after
DELETE FROM seal_change WHERE change_id > :last;

-- name: delete_log
DELETE FROM seal_change;

-- A placeholder, so that the ids of changes continue after the log was started again.
-- name: append_placeholder
INSERT INTO seal_change (change_id, evidence, one, two) VALUES (:change_id, 'seal_change', :change_id, '');

-- name: last_epoch
SELECT epoch, at, kind, first, last, root, layout, entry, entry_digest, doubt, previous, key, next_key, signature FROM seal_epoch
ORDER BY epoch DESC LIMIT 1;

-- name: epoch
SELECT epoch, at, kind, first, last, root, layout, entry, entry_digest, doubt, previous, key, next_key, signature FROM seal_epoch
WHERE epoch = :epoch;

-- name: first_keys
SELECT key FROM seal_epoch WHERE kind = 'start' ORDER BY epoch;

-- name: epochs
SELECT epoch, at, kind, first, last, root, layout, entry, entry_digest, doubt, previous, key, next_key, signature FROM seal_epoch ORDER BY epoch;

-- Those that a dialler did not announce, for another program sealed them, or its start or end.
-- name: epochs_since_last_minute
SELECT epoch, at, kind, first, last, root, layout, entry, entry_digest, doubt, previous, key, next_key, signature FROM seal_epoch
WHERE epoch > (SELECT coalesce(max(epoch), 0) FROM seal_epoch WHERE kind = 'minute') ORDER BY epoch;

-- name: append_epoch
INSERT INTO seal_epoch (epoch, at, kind, first, last, root, layout, entry, entry_digest, doubt, previous, key, next_key, signature)
VALUES (:epoch, :at, :kind, :first, :last, :root, :layout, :entry, :entry_digest, :doubt, :previous, :key, :next_key, :signature);
