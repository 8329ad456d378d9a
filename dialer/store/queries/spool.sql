-- What is handed over to the dialler that runs: a file's own statements, and those by which a roll is taken in piece by piece.

-- name: hand_number
INSERT OR IGNORE INTO phone (e164) VALUES (:number);

-- name: hand_booth
INSERT INTO booth (booth_id, roll_version, state_code, constituency_number, part_number,
                   constituency_name, name, name_local, language, closes_at)
VALUES (:booth_id, :roll_version, :state_code, :constituency_number, :part_number,
        :constituency_name, :name, :name_local, :language, :closes_at);

-- Booths that the store knows have its ids there.
-- name: against_store
SELECT
    (SELECT count(*) FROM main.voter AS told CROSS JOIN known.voter AS there USING (booth_id, serial)
      WHERE told.epic IN ('', there.epic) AND told.name IN ('', there.name) AND told.name_local IN ('', there.name_local)
        AND told.relation IN ('', there.relation) AND told.relation_name IN ('', there.relation_name)
        AND told.sex IN ('', there.sex) AND (told.age IS NULL OR told.age IS there.age) AND told.house IN ('', there.house)
        AND told.section IN ('', there.section) AND told.language IN ('', there.language)) AS same,
    (SELECT count(*) FROM main.phone AS told
      WHERE NOT EXISTS (SELECT 1 FROM known.phone AS there WHERE there.e164 = told.e164)) AS numbers,
    (SELECT count(*) FROM main.link CROSS JOIN main.voter AS told ON told.voter_id = link.voter_id
      CROSS JOIN main.phone AS number ON number.phone_id = link.phone_id
      WHERE NOT EXISTS (
          SELECT 1 FROM known.phone AS there CROSS JOIN known.link AS linked ON linked.phone_id = there.phone_id
          CROSS JOIN known.voter AS who ON who.voter_id = linked.voter_id
          WHERE there.e164 = number.e164 AND who.booth_id = told.booth_id AND who.serial = told.serial
      )) AS links,
    (SELECT count(*) FROM main.phone AS told CROSS JOIN known.opt_out AS gone ON gone.e164 = told.e164) AS opted_out;

-- name: handed_numbers
SELECT e164 FROM phone ORDER BY phone_id;

-- name: handed_roll
SELECT file_name, sha256, rows, rejected, (SELECT count(*) FROM voter) AS voters,
       coalesce(audit.what ->> 'source', '') AS source, coalesce(audit.what ->> 'mapping', '') AS mapping
  FROM import_run LEFT JOIN audit ON audit.at = import_run.at AND audit.kind = 'roll-import'
 ORDER BY import_id DESC LIMIT 1;

-- name: handed_booths
SELECT booth_id, roll_version, state_code, constituency_number, part_number, constituency_name, name, name_local, language, closes_at
  FROM booth WHERE EXISTS (SELECT 1 FROM voter WHERE voter.booth_id = booth.booth_id) ORDER BY booth_id;

-- name: handed_voters
SELECT voter_id, booth_id, serial, epic, name, name_local, relation, relation_name, sex, age, house, section, language
  FROM voter WHERE voter_id > :after ORDER BY voter_id LIMIT :most;

-- name: handed_links
SELECT link.voter_id, phone.e164 FROM link CROSS JOIN phone ON phone.phone_id = link.phone_id
 WHERE link.voter_id BETWEEN :first AND :last ORDER BY link.voter_id, phone.phone_id;

-- name: take_booth
INSERT INTO booth (roll_version, state_code, constituency_number, part_number, constituency_name, name, name_local, language, closes_at)
VALUES (:roll_version, :state_code, :constituency_number, :part_number, :constituency_name, :name, :name_local, :language, :closes_at)
ON CONFLICT (roll_version, state_code, constituency_number, part_number) DO UPDATE
SET constituency_name = excluded.constituency_name, name = excluded.name, name_local = excluded.name_local,
    language = excluded.language, closes_at = excluded.closes_at;

-- name: booth_there
SELECT booth_id FROM booth WHERE roll_version = :roll_version AND state_code = :state_code
   AND constituency_number = :constituency_number AND part_number = :part_number;

-- name: take_voter
INSERT INTO voter (booth_id, serial, epic, name, name_local, relation, relation_name, sex, age, house, section, language)
VALUES (:booth_id, :serial, :epic, :name, :name_local, :relation, :relation_name, :sex, :age, :house, :section, :language)
ON CONFLICT (booth_id, serial) DO UPDATE SET
    epic = iif(excluded.epic = '', epic, excluded.epic),
    name = iif(excluded.name = '', name, excluded.name),
    name_local = iif(excluded.name_local = '', name_local, excluded.name_local),
    relation = iif(excluded.relation = '', relation, excluded.relation),
    relation_name = iif(excluded.relation_name = '', relation_name, excluded.relation_name),
    sex = iif(excluded.sex = '', sex, excluded.sex),
    age = coalesce(excluded.age, age),
    house = iif(excluded.house = '', house, excluded.house),
    section = iif(excluded.section = '', section, excluded.section),
    language = iif(excluded.language = '', language, excluded.language)
WHERE excluded.epic NOT IN ('', epic) OR excluded.name NOT IN ('', name) OR excluded.name_local NOT IN ('', name_local)
   OR excluded.relation NOT IN ('', relation) OR excluded.relation_name NOT IN ('', relation_name)
   OR excluded.sex NOT IN ('', sex) OR (excluded.age IS NOT NULL AND excluded.age IS NOT age)
   OR excluded.house NOT IN ('', house) OR excluded.section NOT IN ('', section) OR excluded.language NOT IN ('', language);

-- name: take_number
INSERT OR IGNORE INTO phone (e164) VALUES (:number);

-- A link that was dropped (a wrong number) is there, and stays dropped.
-- name: take_link
INSERT OR IGNORE INTO link (voter_id, phone_id)
SELECT voter_id, phone_id FROM voter CROSS JOIN phone
 WHERE voter.booth_id = :booth_id AND voter.serial = :serial AND phone.e164 = :number;

-- name: honour_opt_out
UPDATE phone SET opted_out_at = (SELECT at FROM opt_out WHERE e164 = :number)
 WHERE e164 = :number AND opted_out_at IS NULL AND EXISTS (SELECT 1 FROM opt_out WHERE e164 = :number);

-- name: last_phone
SELECT coalesce(max(phone_id), 0) FROM phone;

-- A booth as the board counts it: `booth_turnout` of the voters, of one booth.
-- name: count_booth
SELECT count(*) AS voters, coalesce(sum(reached), 0) AS reached, coalesce(sum(reached AND turnout = 'voted'), 0) AS voted,
       coalesce(sum(reached AND turnout = 'pending' AND not_yet), 0) AS not_yet,
       coalesce(sum(NOT reached AND NOT EXISTS (
           SELECT 1 FROM link CROSS JOIN phone ON phone.phone_id = link.phone_id
           WHERE link.voter_id = voter.voter_id AND link.dropped_at IS NULL AND phone.opted_out_at IS NULL
       )), 0) AS without_number
  FROM voter WHERE booth_id = :booth_id;
