-- Rows of centres that were set aside. PostgreSQL.

-- name: insert
INSERT INTO set_aside (centre, incarnation, id, topic, at, created_at, payload, reason, retry)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::double precision[], $6::double precision[],
    $7::text[], $8::text[], $9::boolean[])
ON CONFLICT DO NOTHING;

-- name: rows
SELECT centre, incarnation, id, topic, at, created_at, payload, reason, retry FROM set_aside ORDER BY centre, at, id;

-- name: rows_to_retry
SELECT centre, incarnation, id, topic, at, created_at, payload, reason, retry FROM set_aside WHERE retry
ORDER BY centre, incarnation, id;

-- name: delete
DELETE FROM set_aside USING unnest($1::text[], $2::text[], $3::bigint[]) AS stored (centre, incarnation, id)
WHERE (set_aside.centre, set_aside.incarnation, set_aside.id) = (stored.centre, stored.incarnation, stored.id);

-- name: counts
SELECT centre, count(*) AS row_count FROM set_aside GROUP BY centre;
