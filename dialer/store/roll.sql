-- The import of a roll, in bulk: by one connection that holds the store alone, in one transaction.

-- name: all_booths
SELECT booth_id, roll_version, state_code, constituency_number, part_number,
       constituency_name, name, name_local, language, closes_at
  FROM booth;

-- name: insert_booth
INSERT INTO booth (roll_version, state_code, constituency_number, part_number,
                   constituency_name, name, name_local, language, closes_at)
VALUES (:roll_version, :state_code, :constituency_number, :part_number, :constituency_name, :name, :name_local, :language, :closes_at);

-- name: update_booth
UPDATE booth SET constituency_name = :constituency_name, name = :name, name_local = :name_local, language = :language, closes_at = :closes_at WHERE booth_id = :booth_id;

-- name: last_voter
SELECT coalesce(max(voter_id), 0) FROM voter;

-- name: insert_voter
INSERT INTO voter (voter_id, booth_id, serial, epic, name, name_local, relation, relation_name, sex, age, house, section, language)
VALUES (:voter_id, :booth_id, :serial, :epic, :name, :name_local, :relation, :relation_name, :sex, :age, :house, :section, :language);

-- name: update_voter
UPDATE voter SET epic = :epic, name = :name, name_local = :name_local, relation = :relation, relation_name = :relation_name, sex = :sex, age = :age, house = :house, section = :section,
                 language = :language
 WHERE voter_id = :voter_id;

-- name: create_wanted
CREATE TEMP TABLE wanted (place INTEGER PRIMARY KEY, booth_id INTEGER NOT NULL, serial INTEGER NOT NULL);

-- name: clear_wanted
DELETE FROM wanted;

-- name: insert_wanted
INSERT INTO wanted (place, booth_id, serial) VALUES (:place, :booth_id, :serial);

-- CROSS JOIN: SQLite must loop over the wanted voters, never over the roll.
-- name: wanted_voters
SELECT place, voter_id, epic, name, name_local, relation, relation_name, sex, age, house, section, language
  FROM wanted CROSS JOIN voter USING (booth_id, serial);

-- name: create_incoming
CREATE TEMP TABLE incoming (voter_id INTEGER NOT NULL, e164 TEXT NOT NULL);

-- name: clear_incoming
DELETE FROM incoming;

-- name: insert_incoming
INSERT INTO incoming (voter_id, e164) VALUES (:voter_id, :number);

-- In the order of numbers, so that rows next to each other in the index are added one after another.
-- name: insert_phones
INSERT OR IGNORE INTO phone (e164) SELECT e164 FROM incoming ORDER BY e164;

-- A link that was dropped (a wrong number) exists and stays dropped.
-- name: insert_links
INSERT OR IGNORE INTO link (voter_id, phone_id) SELECT voter_id, phone_id FROM incoming CROSS JOIN phone USING (e164);

-- name: apply_opt_outs
UPDATE phone SET opted_out_at = (SELECT at FROM opt_out WHERE opt_out.e164 = phone.e164)
 WHERE opted_out_at IS NULL AND e164 IN (SELECT e164 FROM opt_out);

-- name: booths_without_close
SELECT count(*) FROM booth WHERE closes_at = '';

-- name: repeated_epics
SELECT count(*) FROM (
    SELECT 1 FROM voter JOIN booth USING (booth_id) WHERE epic <> '' GROUP BY roll_version, state_code, epic HAVING count(*) > 1
);

-- The first of them, with the places of their voters: constituency/part/serial.
-- name: repeated_epic_places
SELECT epic, group_concat(place, ', ') AS places FROM (
    SELECT roll_version, state_code, epic, constituency_number || '/' || part_number || '/' || serial AS place
    FROM voter JOIN booth USING (booth_id) WHERE epic <> '' ORDER BY constituency_number, part_number, serial
)
GROUP BY roll_version, state_code, epic HAVING count(*) > 1 ORDER BY epic LIMIT :most;

-- name: insert_import_run
INSERT INTO import_run (at, file_name, sha256, rows, voters, numbers, links, rejected, unchanged)
VALUES (:at, :file_name, :sha256, :rows, :voters, :numbers, :links, :rejected, :unchanged);

-- name: imported_files
SELECT DISTINCT sha256 FROM import_run WHERE rejected < rows;

-- name: set_weight
UPDATE voter SET weight = :weight WHERE voter_id = :voter_id AND weight <> :weight;

-- Re-ranks the numbers of a voter whose weight changed. A number's weight is the sum of the weights of its pending voters.
-- name: update_ranks
UPDATE target SET rank = -coalesce((
    SELECT sum(voter.weight) FROM link JOIN voter USING (voter_id)
    WHERE link.phone_id = target.phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending'
), 1) WHERE phone_id IN (SELECT phone_id FROM link WHERE voter_id = :voter_id);

-- name: languages
SELECT language FROM voter WHERE language != '' UNION SELECT language FROM booth WHERE language != '';

-- In a copy of the roll: removes the results of calls from voters.
-- name: reset_voters
UPDATE voter SET turnout = 'pending', reached = 0, not_yet = 0;

-- name: voter_count
SELECT count(*) FROM voter;
