-- Incidents. PostgreSQL.

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
