-- Calls of other centres to the numbers of this store.

-- name: read_times
SELECT iif(called_at <= :until, called_at, NULL) AS called_at, iif(talked_at <= :until, talked_at, NULL) AS talked_at,
       iif(abandoned_at <= :until, abandoned_at, NULL) AS abandoned_at
FROM peer_call WHERE phone_id = :phone_id;

-- name: record_times
INSERT INTO peer_call (phone_id, called_at, talked_at, abandoned_at) VALUES (:phone_id, :called_at, :talked_at, :abandoned_at)
ON CONFLICT (phone_id) DO UPDATE SET
    called_at = nullif(max(coalesce(called_at, 0), coalesce(excluded.called_at, 0)), 0),
    talked_at = nullif(max(coalesce(talked_at, 0), coalesce(excluded.talked_at, 0)), 0),
    abandoned_at = nullif(max(coalesce(abandoned_at, 0), coalesce(excluded.abandoned_at, 0)), 0);

-- name: forget_before
DELETE FROM peer_call WHERE max(coalesce(called_at, 0), coalesce(talked_at, 0), coalesce(abandoned_at, 0)) < :before;
