-- The areas below a centre. PostgreSQL.

-- name: constituencies
SELECT a.state_code, a.constituency_number, t.contacted, t.voted, t.not_yet, t.at, o.share, o.at AS official_at
FROM (SELECT DISTINCT state_code, constituency_number FROM centre_booth WHERE centre = $1) AS a
JOIN turnout AS t ON t.kind = 'constituency' AND (t.state_code, t.constituency_number) = (a.state_code, a.constituency_number)
LEFT JOIN LATERAL (SELECT share, at FROM official
  WHERE (state_code, constituency_number, part_number) = (a.state_code, a.constituency_number, 0) ORDER BY at DESC LIMIT 1) AS o ON true
ORDER BY a.state_code, a.constituency_number;

-- name: booths
SELECT cb.part_number, t.contacted, t.voted, t.not_yet, t.at, o.share, o.at AS official_at
FROM centre_booth AS cb JOIN turnout AS t ON t.kind = 'booth'
  AND (t.state_code, t.constituency_number, t.part_number) = (cb.state_code, cb.constituency_number, cb.part_number)
LEFT JOIN LATERAL (SELECT share, at FROM official
  WHERE (state_code, constituency_number, part_number) = (cb.state_code, cb.constituency_number, cb.part_number)
  ORDER BY at DESC LIMIT 1) AS o ON true
WHERE (cb.centre, cb.state_code, cb.constituency_number) = ($1, $2, $3)
ORDER BY cb.part_number;
