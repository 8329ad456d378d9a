-- Results of a state, for its data team. PostgreSQL.

-- The last mark of each voter that was not undone, and the voter's status by all marks.
-- name: marks
SELECT DISTINCT ON (m.constituency_number, m.part_number, m.serial, m.roll_version)
    m.roll_version, m.state_code, m.constituency_number, m.part_number, m.serial, m.at, m.kind, v.turnout, m.centre
FROM mark AS m JOIN voter AS v USING (state_code, constituency_number, part_number, serial, roll_version)
WHERE m.state_code = $1 AND ($2::integer IS NULL OR m.constituency_number = $2) AND m.at >= $3 AND m.at < $4
  AND m.undoes IS NULL AND NOT EXISTS (
    SELECT 1 FROM mark AS later
    WHERE (later.state_code, later.constituency_number, later.part_number, later.serial, later.roll_version)
        = (m.state_code, m.constituency_number, m.part_number, m.serial, m.roll_version) AND later.undoes = m.key
)
ORDER BY m.constituency_number, m.part_number, m.serial, m.roll_version, m.at DESC, m.number DESC;

-- name: answers
SELECT a.roll_version, a.state_code, a.constituency_number, a.part_number, a.serial, a.at, coalesce(v.turnout, 'pending') AS turnout, a.centre,
    a.question, a.value
FROM answer AS a LEFT JOIN voter AS v USING (state_code, constituency_number, part_number, serial, roll_version)
WHERE a.state_code = $1 AND ($2::integer IS NULL OR a.constituency_number = $2) AND a.at >= $3 AND a.at < $4 AND a.value IS NOT NULL
ORDER BY a.at;
