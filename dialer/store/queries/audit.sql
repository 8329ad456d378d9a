-- The audit: appended, never changed.

-- name: head
SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1;

-- name: repeated
SELECT number FROM audit WHERE at = ?1 AND kind = ?2 AND who = ?3 AND what = ?4 LIMIT 1;

-- name: append
INSERT INTO audit (number, at, kind, who, what, previous, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- name: entries
SELECT number, at, kind, who, what, previous, digest FROM audit WHERE number > ?1 ORDER BY number LIMIT ?2;

-- name: of_kind
SELECT number, at, what FROM audit WHERE kind = ?1 ORDER BY number;
