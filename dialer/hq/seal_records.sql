-- The sealed epochs of centres' stores. PostgreSQL.

-- name: chain
SELECT centre, incarnation, first_keys, unaccepted_keys, head, latest, may_start, contradiction, contradicted_at FROM seal_chain
WHERE centre = $1 AND incarnation = $2 FOR UPDATE;

-- name: all_chains
SELECT centre, incarnation, first_keys, unaccepted_keys, head, latest, may_start, contradiction, contradicted_at FROM seal_chain;

-- name: set_chain
INSERT INTO seal_chain (centre, incarnation, first_keys, unaccepted_keys, head, latest, may_start, contradiction, contradicted_at)
VALUES ($1, $2, $3::text[], $4::text[], $5, $6, $7, $8, $9)
ON CONFLICT (centre, incarnation) DO UPDATE SET first_keys = excluded.first_keys, unaccepted_keys = excluded.unaccepted_keys,
    head = excluded.head, latest = excluded.latest, may_start = excluded.may_start, contradiction = excluded.contradiction,
    contradicted_at = excluded.contradicted_at;

-- name: received_epochs
SELECT key AS digest, payload->>'epoch' AS epoch FROM result
WHERE topic = 'results/sealed-epochs' AND centre = $1 AND key = ANY($2::text[]);

-- name: contradictions
SELECT c.centre, c.incarnation, c.contradiction FROM seal_chain AS c JOIN centre_store AS s USING (centre, incarnation)
WHERE c.contradiction <> '' AND s.state = 'accepted';
