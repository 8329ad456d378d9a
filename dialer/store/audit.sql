-- The audit: entries are appended and never changed.

-- name: head
SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1;

-- name: number_of_same_entry
SELECT number FROM audit WHERE at = :at AND kind = :kind AND who = :who AND what = :what LIMIT 1;

-- name: append
INSERT INTO audit (number, at, kind, who, what, previous, digest) VALUES (:number, :at, :kind, :who, :what, :previous, :digest);

-- name: entries_after
SELECT number, at, kind, who, what, previous, digest FROM audit WHERE number > :number ORDER BY number LIMIT :limit;

-- name: entries_between
SELECT number, at, kind, who, what FROM audit
WHERE at >= :since AND at < :until AND (:who IS NULL OR who = :who)
  AND iif(json_array_length(:kinds) = 0, kind <> 'seal', kind IN (SELECT value FROM json_each(:kinds)))
ORDER BY number;

-- name: entries_of_kind
SELECT number, at, what FROM audit WHERE kind = :kind ORDER BY number;

-- Slow: reads the whole audit.
-- name: kinds
SELECT DISTINCT kind FROM audit ORDER BY kind;

-- name: settings
SELECT key, value FROM setting ORDER BY key;

-- name: delete_settings
DELETE FROM setting;

-- name: insert_setting
INSERT INTO setting (key, value) VALUES (:key, :value);

-- name: setting_changes_since_oldest_open_attempt
SELECT what FROM audit
WHERE kind = 'settings' AND at >= (SELECT min(created_at) FROM attempt WHERE ended_at IS NULL);
