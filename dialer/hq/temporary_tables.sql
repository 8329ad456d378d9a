-- Rows of one commit of the gatherer. They are filled by COPY, which is faster than arrays.
CREATE TEMPORARY TABLE IF NOT EXISTS new_result (at double precision, centre text, topic text, key text, id bigint, payload text)
ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS new_mark (state_code text, constituency_number integer, part_number integer, serial integer,
    roll_version text, key text, kind text, source text, at double precision, undoes text, centre text, id bigint, payload text)
ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS new_voter (state_code text, constituency_number integer, part_number integer, serial integer,
    roll_version text, turnout text, contacted boolean, not_yet boolean)
ON COMMIT DELETE ROWS;
