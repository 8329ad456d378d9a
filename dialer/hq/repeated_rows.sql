-- Which rows that a centre sends again are stored. PostgreSQL; the rows are passed as arrays, one for each column.

-- Results of the same time and topic as the sent rows.
-- name: results
SELECT sent.id, result.key, result.payload::text AS payload
FROM unnest($2::double precision[], $3::text[], $4::bigint[]) AS sent (at, topic, id)
JOIN result ON result.at = to_timestamp(sent.at) AND result.centre = $1::text AND result.topic = sent.topic;

-- name: marks
SELECT sent.id FROM unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::text[], $6::text[], $7::bigint[])
    AS sent (state_code, constituency_number, part_number, serial, roll_version, key, id)
JOIN mark USING (state_code, constituency_number, part_number, serial, roll_version, key);

-- name: set_aside
SELECT id, payload FROM set_aside WHERE centre = $1 AND incarnation = $2 AND id = ANY($3::bigint[]);
