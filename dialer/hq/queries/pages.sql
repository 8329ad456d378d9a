-- What headquarters' pages ask of its database. PostgreSQL.

-- name: accounts
SELECT name, role, zone, added_at, changed_at FROM account ORDER BY name;

-- name: set_account
INSERT INTO account AS a (name, role, zone, added_at, changed_at) VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (name) DO UPDATE SET role = excluded.role, zone = excluded.zone, changed_at = excluded.changed_at;

-- name: remove_account
DELETE FROM account WHERE name = $1;

-- Entries are chained: one is written at a time.
-- name: lock_audit
SELECT pg_advisory_xact_lock(7301523);

-- name: audit_end
SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1;

-- name: add_audit
INSERT INTO audit (number, at, kind, who, what, previous, digest) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: audit_newest
SELECT number, at, kind, who, what, previous, digest FROM audit ORDER BY number DESC LIMIT $1;

-- name: audit
SELECT number, at, kind, who, what, previous, digest FROM audit WHERE number >= $1 ORDER BY number;

-- name: centres_kept
SELECT c.centre, c.heard_at, c.made_at, c.lost, c.trouble, t.at AS tested_at, t.came_at AS test_came_at
FROM centre AS c LEFT JOIN test_mark AS t USING (centre);

-- name: day_of_centres
SELECT centre, what, count FROM day_count WHERE day = $1;

-- name: turnout_of_centres
SELECT cb.centre, min(cb.state_code) AS state, sum(t.reached)::bigint AS reached, sum(t.voted)::bigint AS voted, max(t.at) AS at
FROM centre_booth AS cb JOIN turnout AS t ON t.kind = 'booth' AND t.zone = ''
  AND (t.state_code, t.constituency_number, t.part_number) = (cb.state_code, cb.constituency_number, cb.part_number)
GROUP BY cb.centre;

-- What the authority last said of the constituencies in which each centre calls.
-- name: official_of_centres
SELECT cb.centre, sum(o.electors)::bigint AS electors, sum(o.electors * o.share)::double precision AS voted, max(o.at) AS at
FROM (SELECT DISTINCT centre, state_code, constituency_number FROM centre_booth) AS cb
JOIN (SELECT DISTINCT ON (state_code, constituency_number) * FROM official WHERE part_number = 0 AND electors > 0
  ORDER BY state_code, constituency_number, at DESC) AS o USING (state_code, constituency_number)
GROUP BY cb.centre;

-- name: add_official
INSERT INTO official (state_code, constituency_number, part_number, at, electors, share)
SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[], $4::double precision[], $5::bigint[], $6::double precision[])
ON CONFLICT (state_code, constituency_number, part_number, at) DO UPDATE SET electors = excluded.electors, share = excluded.share;

-- name: constituencies_of
SELECT a.state_code, a.constituency_number, t.reached, t.voted, t.not_yet, t.at, o.share, o.at AS official_at
FROM (SELECT DISTINCT state_code, constituency_number FROM centre_booth WHERE centre = $1) AS a
JOIN turnout AS t ON t.kind = 'constituency' AND (t.state_code, t.constituency_number) = (a.state_code, a.constituency_number)
LEFT JOIN LATERAL (SELECT share, at FROM official
  WHERE (state_code, constituency_number, part_number) = (a.state_code, a.constituency_number, 0) ORDER BY at DESC LIMIT 1) AS o ON true
ORDER BY a.state_code, a.constituency_number;

-- name: booths_of
SELECT cb.part_number, t.reached, t.voted, t.not_yet, t.at, o.share, o.at AS official_at
FROM centre_booth AS cb JOIN turnout AS t ON t.kind = 'booth'
  AND (t.state_code, t.constituency_number, t.part_number) = (cb.state_code, cb.constituency_number, cb.part_number)
LEFT JOIN LATERAL (SELECT share, at FROM official
  WHERE (state_code, constituency_number, part_number) = (cb.state_code, cb.constituency_number, cb.part_number)
  ORDER BY at DESC LIMIT 1) AS o ON true
WHERE (cb.centre, cb.state_code, cb.constituency_number) = ($1, $2, $3)
ORDER BY cb.part_number;

-- name: days
SELECT day, what, sum(count) AS count FROM day_count
WHERE centre = ANY($1::text[]) AND day > $2 AND (what IN ('attempts', 'mark/voted') OR what LIKE 'outcome/%' OR what LIKE 'seat/%')
GROUP BY day, what ORDER BY day;

-- name: open_incident
INSERT INTO incident (zone, centre, text, opened_by, opened_at, owner) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id;

-- name: incident_zone
SELECT zone FROM incident WHERE id = $1 AND closed_at IS NULL FOR UPDATE;

-- name: own_incident
UPDATE incident SET owner = $2 WHERE id = $1;

-- name: close_incident
UPDATE incident SET closed_by = $2, closed_at = $3 WHERE id = $1;

-- name: incidents
SELECT id, zone, centre, text, opened_by, opened_at, owner FROM incident WHERE closed_at IS NULL ORDER BY id;

-- name: propose
INSERT INTO proposal (kind, "to", text, proposed_by, proposed_at) VALUES ($1, $2, $3, $4, $5) RETURNING id;

-- name: proposal
SELECT kind, "to", text, proposed_by FROM proposal WHERE id = $1 AND state = 'open' FOR UPDATE;

-- name: answer_proposal
UPDATE proposal SET answered_by = $2, answered_at = $3, state = $4, result = $5 WHERE id = $1;

-- name: not_given
SELECT id, "to", text FROM proposal WHERE kind = 'material' AND state = 'confirmed' AND answered_at < $1 ORDER BY id FOR UPDATE SKIP LOCKED;

-- name: settle_proposal
UPDATE proposal SET state = $2, result = $3 WHERE id = $1;

-- name: proposals
SELECT id, kind, "to", text, proposed_by, proposed_at, answered_by, answered_at, state, result FROM proposal
WHERE state = 'open' OR answered_at > $1 ORDER BY id;
