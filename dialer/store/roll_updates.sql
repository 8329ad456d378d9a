-- The import of a roll by the running dialler, in small pieces. A repeated piece changes nothing.

-- name: set_booth
INSERT INTO booth (roll_version, state_code, constituency_number, part_number, constituency_name, name, name_local, language, closes_at)
VALUES (:roll_version, :state_code, :constituency_number, :part_number, :constituency_name, :name, :name_local, :language, :closes_at)
ON CONFLICT (roll_version, state_code, constituency_number, part_number) DO UPDATE
SET constituency_name = excluded.constituency_name, name = excluded.name, name_local = excluded.name_local,
    language = excluded.language, closes_at = excluded.closes_at;

-- name: booth_id
SELECT booth_id FROM booth WHERE roll_version = :roll_version AND state_code = :state_code
   AND constituency_number = :constituency_number AND part_number = :part_number;

-- An empty field does not overwrite one that is filled.
-- name: set_voter
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

-- name: insert_number
INSERT OR IGNORE INTO phone (e164) VALUES (:number);

-- A link that was dropped (a wrong number) exists and stays dropped.
-- name: insert_link
INSERT OR IGNORE INTO link (voter_id, phone_id)
SELECT voter_id, phone_id FROM voter CROSS JOIN phone
 WHERE voter.booth_id = :booth_id AND voter.serial = :serial AND phone.e164 = :number;

-- name: apply_opt_out
UPDATE phone SET opted_out_at = (SELECT at FROM opt_out WHERE e164 = :number)
 WHERE e164 = :number AND opted_out_at IS NULL AND EXISTS (SELECT 1 FROM opt_out WHERE e164 = :number);

-- name: last_phone
SELECT coalesce(max(phone_id), 0) FROM phone;
