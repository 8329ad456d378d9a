-- Incidents and proposals. PostgreSQL.

-- name: open_incident
INSERT INTO incident (zone, centre, text, opened_by, opened_at, owner) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id;

-- name: equal_open_incident
SELECT id FROM incident WHERE zone = $1 AND centre = $2 AND text = $3 AND closed_at IS NULL LIMIT 1;

-- name: zone_of_incident
SELECT zone FROM incident WHERE id = $1 AND closed_at IS NULL FOR UPDATE;

-- name: set_incident_owner
UPDATE incident SET owner = $2 WHERE id = $1;

-- name: close_incident
UPDATE incident SET closed_by = $2, closed_at = $3 WHERE id = $1;

-- name: add_proposal
INSERT INTO proposal (kind, "to", text, proposed_by, proposed_at) VALUES ($1, $2, $3, $4, $5) RETURNING id;

-- name: open_proposal
SELECT kind, "to", text, proposed_by FROM proposal WHERE id = $1 AND state = 'open' FOR UPDATE;

-- name: answer_proposal
UPDATE proposal SET answered_by = $2, answered_at = $3, state = $4, result = $5 WHERE id = $1;

-- name: confirmed_material
SELECT id, "to", text FROM proposal WHERE kind = 'material' AND state = 'confirmed' AND answered_at < $1
ORDER BY id FOR UPDATE SKIP LOCKED;

-- name: settle_proposal
UPDATE proposal SET state = $2, result = $3 WHERE id = $1;
