-- The store's identity. One row.

-- name: identity
SELECT incarnation, previous, begins_after, token AS run FROM store_identity;

-- name: file
SELECT place, token FROM store_identity;

-- name: set_identity
INSERT INTO store_identity (one, incarnation, previous, begins_after, place, token)
VALUES (1, :incarnation, :previous, :begins_after, :place, '')
ON CONFLICT (one) DO UPDATE SET incarnation = excluded.incarnation, previous = excluded.previous,
    begins_after = excluded.begins_after, place = excluded.place;

-- name: passed_by_uplink
SELECT coalesce((SELECT passed FROM outbox_sink WHERE name = 'uplink'), 0);

-- name: set_token
UPDATE store_identity SET token = :token;

-- name: has_identity
SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'store_identity');
