-- The stores that send results as a centre. PostgreSQL.

-- name: stores
SELECT centre, incarnation, previous, state, last_id, first_at, run, confirmed FROM centre_store WHERE centre = ANY($1::text[])
ORDER BY first_at FOR UPDATE;

-- name: all_stores
SELECT centre, incarnation, previous, state, last_id, first_at, run, confirmed FROM centre_store ORDER BY centre, first_at;

-- Rows of an accepted store come last, for a centre may have only one at any time.
-- name: set_stores
INSERT INTO centre_store AS s (centre, incarnation, previous, state, last_id, first_at, run, confirmed)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::double precision[], $7::text[], $8::boolean[])
ON CONFLICT (centre, incarnation) DO UPDATE
SET state = excluded.state, last_id = excluded.last_id, run = excluded.run, confirmed = excluded.confirmed;

-- name: clear_problem
UPDATE centre SET problem = NULL, problem_at = NULL WHERE centre = $1;

-- name: unconfirmed
SELECT centre FROM centre_store WHERE state = 'accepted' AND NOT confirmed;
