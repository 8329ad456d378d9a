-- Importing batches. PostgreSQL; many rows are passed as arrays, one for each column.

-- No row is returned where another gatherer has moved the position.
-- name: move_position
INSERT INTO stream_position AS stored (stream, position, stored_at) VALUES ($1, $2, $4)
ON CONFLICT (stream) DO UPDATE SET position = $2, stored_at = $4 WHERE stored.position = $3
RETURNING position;

-- name: centres
SELECT centre, zone FROM centre WHERE centre = ANY($1::text[]) FOR UPDATE;

-- name: set_centres
UPDATE centre SET last_id = updated.last_id, committed_at = $6::double precision,
    created_at = greatest(centre.created_at, updated.created_at), lost_rows = centre.lost_rows + updated.lost_rows,
    problem = updated.problem, problem_at = CASE WHEN updated.problem IS NULL THEN NULL ELSE $6::double precision END
FROM unnest($1::text[], $2::bigint[], $3::double precision[], $4::bigint[], $5::text[])
    AS updated (centre, last_id, created_at, lost_rows, problem)
WHERE centre.centre = updated.centre;

-- name: set_problem
UPDATE centre SET problem = $2, problem_at = $3 WHERE centre = $1;

-- name: insert_results
INSERT INTO result (at, centre, topic, key, id, payload)
SELECT to_timestamp(at), centre, topic, key, id, payload::jsonb FROM new_result ON CONFLICT DO NOTHING

-- name: insert_marks
INSERT INTO mark (state_code, constituency_number, part_number, serial, roll_version, key, kind, source, at, undoes, centre, id, payload)
SELECT state_code, constituency_number, part_number, serial, roll_version, key, kind, source, at, undoes, centre, id, payload::jsonb
FROM new_mark ON CONFLICT DO NOTHING

-- Of the voters with new marks.
-- name: voters
SELECT v.state_code, v.constituency_number, v.part_number, v.serial, v.roll_version, v.turnout, v.contacted, v.not_yet
FROM (SELECT DISTINCT state_code, constituency_number, part_number, serial, roll_version FROM new_mark) AS marked
JOIN voter AS v USING (state_code, constituency_number, part_number, serial, roll_version);

-- Marks of these voters that were not undone, in the order of arrival.
-- name: marks
SELECT m.state_code, m.constituency_number, m.part_number, m.serial, m.roll_version, m.kind, m.source, m.at
FROM unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::text[])
  AS wanted (state_code, constituency_number, part_number, serial, roll_version)
JOIN mark AS m USING (state_code, constituency_number, part_number, serial, roll_version)
WHERE m.undoes IS NULL AND NOT EXISTS (
    SELECT 1 FROM mark AS later
    WHERE (later.state_code, later.constituency_number, later.part_number, later.serial, later.roll_version)
        = (m.state_code, m.constituency_number, m.part_number, m.serial, m.roll_version) AND later.undoes = m.key
)
ORDER BY m.number;

-- name: set_voters
INSERT INTO voter (state_code, constituency_number, part_number, serial, roll_version, turnout, contacted, not_yet)
SELECT * FROM new_voter
ON CONFLICT (state_code, constituency_number, part_number, serial, roll_version)
DO UPDATE SET turnout = excluded.turnout, contacted = excluded.contacted, not_yet = excluded.not_yet;

-- name: add_turnout
INSERT INTO turnout AS t (kind, zone, state_code, constituency_number, part_number, contacted, voted, not_yet, at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::bigint[], $7::bigint[], $8::bigint[], $9::double precision[])
ON CONFLICT (kind, zone, state_code, constituency_number, part_number)
DO UPDATE SET contacted = t.contacted + excluded.contacted, voted = t.voted + excluded.voted, not_yet = t.not_yet + excluded.not_yet,
    at = greatest(t.at, excluded.at);

-- name: set_answers
INSERT INTO answer AS a (state_code, constituency_number, part_number, serial, roll_version, question, value, at, centre)
SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::double precision[], $9::text[])
ON CONFLICT (state_code, constituency_number, part_number, serial, roll_version, question)
DO UPDATE SET value = excluded.value, at = excluded.at, centre = excluded.centre WHERE a.at <= excluded.at;

-- name: add_centre_booths
INSERT INTO centre_booth SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[]) ON CONFLICT DO NOTHING;

-- name: set_test_marks
INSERT INTO test_mark AS t (centre, sent_at, committed_at)
SELECT centre, sent_at, $3 FROM unnest($1::text[], $2::double precision[]) AS received (centre, sent_at)
ON CONFLICT (centre) DO UPDATE SET sent_at = excluded.sent_at, committed_at = excluded.committed_at WHERE excluded.sent_at > t.sent_at;

-- name: add_day_counts
INSERT INTO day_count AS d (centre, day, what, count)
SELECT * FROM unnest($1::text[], $2::date[], $3::text[], $4::double precision[])
ON CONFLICT (centre, day, what) DO UPDATE SET count = d.count + excluded.count;

-- name: insert_opt_outs
INSERT INTO opt_out (number_hash, at, centre) SELECT * FROM unnest($1::text[], $2::double precision[], $3::text[])
ON CONFLICT DO NOTHING RETURNING number_hash, at, centre;

-- name: insert_peer_updates
INSERT INTO peer_update (subject, data)
SELECT subject, data FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS queued (subject, data, place) ORDER BY place;
