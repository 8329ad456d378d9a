-- The audit of what users of headquarters' pages do. PostgreSQL.

-- One entry is appended at a time, because each contains the digest of the one before.
-- name: lock_audit
SELECT pg_advisory_xact_lock(7301523);

-- name: chain_end
SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1;

-- name: insert_entry
INSERT INTO audit (number, at, kind, who, what, previous, digest) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: equal_entry
SELECT number FROM audit WHERE kind = $1 AND who = $2 AND what = $3 LIMIT 1;

-- name: newest_entries
SELECT number, at, kind, who, what, previous, digest FROM audit ORDER BY number DESC LIMIT $1;

-- name: entries_from
SELECT number, at, kind, who, what, previous, digest FROM audit WHERE number >= $1 ORDER BY number;
