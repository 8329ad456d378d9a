-- Figures of headquarters' pages. PostgreSQL.

-- name: centres
SELECT c.centre, c.committed_at, c.created_at, c.lost_rows, c.problem, t.sent_at AS test_sent_at, t.committed_at AS test_committed_at
FROM centre AS c LEFT JOIN test_mark AS t USING (centre);

-- name: day_of_centres
SELECT centre, what, count FROM day_count WHERE day = $1;

-- name: turnout_of_centres
SELECT cb.centre, min(cb.state_code) AS state, sum(t.contacted)::bigint AS contacted, sum(t.voted)::bigint AS voted, max(t.at) AS at
FROM centre_booth AS cb JOIN turnout AS t ON t.kind = 'booth' AND t.zone = ''
  AND (t.state_code, t.constituency_number, t.part_number) = (cb.state_code, cb.constituency_number, cb.part_number)
GROUP BY cb.centre;

-- The latest official turnout of the constituencies whose voters each centre has reported marks of.
-- name: official_of_centres
SELECT cb.centre, sum(o.electors)::bigint AS electors, sum(o.electors * o.share)::double precision AS voted, max(o.at) AS at
FROM (SELECT DISTINCT centre, state_code, constituency_number FROM centre_booth) AS cb
JOIN (SELECT DISTINCT ON (state_code, constituency_number) * FROM official WHERE part_number = 0 AND electors > 0
  ORDER BY state_code, constituency_number, at DESC) AS o USING (state_code, constituency_number)
GROUP BY cb.centre;

-- name: days
SELECT day, what, sum(count) AS count FROM day_count
WHERE centre = ANY($1::text[]) AND day > $2 AND what NOT LIKE 'disposition/%'
GROUP BY day, what ORDER BY day;

-- name: incidents
SELECT id, zone, centre, text, opened_by, opened_at, owner FROM incident WHERE closed_at IS NULL ORDER BY id;
