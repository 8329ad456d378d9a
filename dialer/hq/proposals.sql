-- Proposals and their answers. PostgreSQL.

-- name: add_proposal
INSERT INTO proposal (kind, "to", text, proposed_by, proposed_at) VALUES ($1, $2, $3, $4, $5) RETURNING id;

-- name: equal_open_proposal
SELECT id, proposed_by FROM proposal
WHERE kind = $1 AND "to" = $2 AND text = $3 AND state = 'open' AND proposed_at > $4 ORDER BY id LIMIT 1;

-- name: open_proposal
SELECT kind, "to", text, proposed_by, proposed_at FROM proposal WHERE id = $1 AND state = 'open' FOR UPDATE;

-- name: answer_proposal
UPDATE proposal SET answered_by = $2, answered_at = $3, state = $4, result = $5 WHERE id = $1;

-- name: confirmed_material
SELECT id, "to", text FROM proposal WHERE kind = 'material' AND state = 'confirmed' AND answered_at < $1
ORDER BY id FOR UPDATE SKIP LOCKED;

-- name: confirmed_rollout
SELECT id FROM proposal WHERE kind = 'rollout' AND text = $1 AND state = 'confirmed' AND answered_at > $2
ORDER BY id DESC LIMIT 1;

-- name: lock_confirmed_rollout
SELECT text FROM proposal WHERE id = $1 AND kind = 'rollout' AND state = 'confirmed' AND answered_at > $2 FOR UPDATE;

-- name: settle_proposal
UPDATE proposal SET state = $2, result = $3 WHERE id = $1;

-- name: recent_proposals
SELECT id, kind, "to", text, proposed_by, proposed_at, answered_by, answered_at,
       CASE WHEN state = 'open' AND proposed_at <= $2 THEN 'expired' ELSE state END AS state, result
FROM proposal WHERE (state = 'open' AND proposed_at > $1) OR answered_at > $1 ORDER BY id;
