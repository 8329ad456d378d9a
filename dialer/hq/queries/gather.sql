-- What the gatherer asks of its database. PostgreSQL; lists come as arrays, one for each column.

-- name: lock
SELECT pg_try_advisory_lock(7301521);

-- name: add_centres
INSERT INTO centre (centre, zone) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (centre) DO UPDATE SET zone = excluded.zone;

-- name: position
SELECT position FROM stream_position WHERE stream = $1;

-- Whoever holds another position than this one works beside us, and is right.
-- name: move_position
INSERT INTO stream_position AS held (stream, position) VALUES ($1, $2)
ON CONFLICT (stream) DO UPDATE SET position = $2 WHERE held.position = $3
RETURNING position;

-- name: centres
SELECT centre, zone, last_id FROM centre WHERE centre = ANY($1::text[]) FOR UPDATE;

-- name: centres_heard
UPDATE centre SET last_id = heard.last_id, heard_at = $5::double precision, made_at = greatest(centre.made_at, heard.made_at), lost = centre.lost + heard.lost,
    trouble = heard.trouble, trouble_at = CASE WHEN heard.trouble IS NULL THEN NULL ELSE $5::double precision END
FROM unnest($1::text[], $2::bigint[], $3::double precision[], $4::bigint[], $6::text[]) AS heard (centre, last_id, made_at, lost, trouble)
WHERE centre.centre = heard.centre;

-- name: trouble
UPDATE centre SET trouble = $2, trouble_at = $3 WHERE centre = $1;

-- What a commit brings, which comes by COPY: of arrays the library looks at each value three times.
-- name: own_tables
CREATE TEMPORARY TABLE IF NOT EXISTS fresh_announced (at double precision, centre text, topic text, key text, id bigint, payload text)
ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS fresh_mark (state_code text, constituency_number integer, part_number integer, serial integer,
    roll_version text, key text, kind text, source text, at double precision, undoes text, centre text, id bigint, payload text)
ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS fresh_voter (state_code text, constituency_number integer, part_number integer, serial integer,
    roll_version text, turnout text, reached boolean, not_yet boolean)
ON COMMIT DELETE ROWS;

-- name: insert_announced
INSERT INTO announced (at, centre, topic, key, id, payload)
SELECT to_timestamp(at), centre, topic, key, id, payload::jsonb FROM fresh_announced ON CONFLICT DO NOTHING

-- name: insert_marks
INSERT INTO mark (state_code, constituency_number, part_number, serial, roll_version, key, kind, source, at, undoes, centre, id, payload)
SELECT state_code, constituency_number, part_number, serial, roll_version, key, kind, source, at, undoes, centre, id, payload::jsonb
FROM fresh_mark ON CONFLICT DO NOTHING

-- name: voters
SELECT v.state_code, v.constituency_number, v.part_number, v.serial, v.roll_version, v.turnout, v.reached, v.not_yet
FROM (SELECT DISTINCT state_code, constituency_number, part_number, serial, roll_version FROM fresh_mark) AS asked
JOIN voter AS v USING (state_code, constituency_number, part_number, serial, roll_version);

-- name: marks_of
SELECT m.state_code, m.constituency_number, m.part_number, m.serial, m.roll_version, m.kind, m.source, m.at
FROM unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::text[])
  AS asked (state_code, constituency_number, part_number, serial, roll_version)
JOIN mark AS m USING (state_code, constituency_number, part_number, serial, roll_version)
WHERE m.undoes IS NULL AND NOT EXISTS (
    SELECT 1 FROM mark AS later
    WHERE (later.state_code, later.constituency_number, later.part_number, later.serial, later.roll_version)
        = (m.state_code, m.constituency_number, m.part_number, m.serial, m.roll_version) AND later.undoes = m.key
)
ORDER BY m.number;

-- name: keep_voters
INSERT INTO voter (state_code, constituency_number, part_number, serial, roll_version, turnout, reached, not_yet)
SELECT * FROM fresh_voter
ON CONFLICT (state_code, constituency_number, part_number, serial, roll_version)
DO UPDATE SET turnout = excluded.turnout, reached = excluded.reached, not_yet = excluded.not_yet;

-- name: count_turnout
INSERT INTO turnout AS t (kind, zone, state_code, constituency_number, part_number, reached, voted, not_yet, at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::bigint[], $7::bigint[], $8::bigint[], $9::double precision[])
ON CONFLICT (kind, zone, state_code, constituency_number, part_number)
DO UPDATE SET reached = t.reached + excluded.reached, voted = t.voted + excluded.voted, not_yet = t.not_yet + excluded.not_yet,
    at = greatest(t.at, excluded.at);

-- name: keep_answers
INSERT INTO answer AS a (state_code, constituency_number, part_number, serial, roll_version, question, value, at, centre)
SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::double precision[], $9::text[])
ON CONFLICT (state_code, constituency_number, part_number, serial, roll_version, question)
DO UPDATE SET value = excluded.value, at = excluded.at, centre = excluded.centre WHERE a.at <= excluded.at;

-- name: add_centre_booths
INSERT INTO centre_booth SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[]) ON CONFLICT DO NOTHING;

-- name: keep_test_marks
INSERT INTO test_mark AS t (centre, at, came_at) SELECT centre, at, $3 FROM unnest($1::text[], $2::double precision[]) AS row (centre, at)
ON CONFLICT (centre) DO UPDATE SET at = excluded.at, came_at = excluded.came_at WHERE excluded.at > t.at;

-- name: count_days
INSERT INTO day_count AS d (centre, day, what, count)
SELECT * FROM unnest($1::text[], $2::date[], $3::text[], $4::double precision[])
ON CONFLICT (centre, day, what) DO UPDATE SET count = d.count + excluded.count;

-- name: keep_opt_outs
INSERT INTO opt_out (number_hash, at, centre) SELECT * FROM unnest($1::text[], $2::double precision[], $3::text[])
ON CONFLICT DO NOTHING RETURNING number_hash, at, centre;

-- name: forget_others
DELETE FROM announced_other WHERE at < $1::date;

-- name: add_side
INSERT INTO side (subject, data) SELECT subject, data FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS row (subject, data, place) ORDER BY place;

-- name: side
SELECT id, subject, data FROM side ORDER BY id LIMIT $1;

-- name: side_told
DELETE FROM side WHERE id <= $1;

-- Pages of a snapshot: behind what the page before ended with. A voter's marks in the order in which they came.
-- name: snapshot_opt_outs
SELECT number_hash, at, centre FROM opt_out WHERE number_hash > $1 ORDER BY number_hash LIMIT $2;

-- name: snapshot_marks
SELECT part_number, serial, number, centre, payload::text FROM mark
WHERE state_code = $1 AND constituency_number = $2 AND (part_number, serial, number) > ($3, $4, $5)
  AND (kind = 'voted' OR source = 'correction' OR undoes IS NOT NULL)
ORDER BY part_number, serial, number LIMIT $6;

-- For a state's team: of each voter the last word that was not taken back, and how the voter stands by all that were said.
-- name: results
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

-- What those voters answered, and how they stand.
-- name: answers
SELECT a.roll_version, a.state_code, a.constituency_number, a.part_number, a.serial, a.at, coalesce(v.turnout, 'pending') AS turnout, a.centre,
    a.question, a.value
FROM answer AS a LEFT JOIN voter AS v USING (state_code, constituency_number, part_number, serial, roll_version)
WHERE a.state_code = $1 AND ($2::integer IS NULL OR a.constituency_number = $2) AND a.at >= $3 AND a.at < $4 AND a.value IS NOT NULL
ORDER BY a.at;
