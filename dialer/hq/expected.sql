-- Official turnout. PostgreSQL.

-- name: set_official_turnout
INSERT INTO official (state_code, constituency_number, part_number, at, electors, share)
SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[], $4::double precision[], $5::bigint[], $6::double precision[])
ON CONFLICT (state_code, constituency_number, part_number, at) DO UPDATE SET electors = excluded.electors, share = excluded.share;
