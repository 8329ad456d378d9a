-- Rolls and numbers in the spool, waiting for the running dialler to import them. Each is a small store of its own.

-- name: insert_number
INSERT OR IGNORE INTO phone (e164) VALUES (:number);

-- name: insert_booth
INSERT INTO booth (booth_id, roll_version, state_code, constituency_number, part_number,
                   constituency_name, name, name_local, language, closes_at)
VALUES (:booth_id, :roll_version, :state_code, :constituency_number, :part_number,
        :constituency_name, :name, :name_local, :language, :closes_at);

-- Compares a spooled roll with the store, attached as `store`. Booths that the store has keep their ids in the spool.
-- name: compare_uploaded_roll_with_store
SELECT
    (SELECT count(*) FROM main.voter AS spooled CROSS JOIN store.voter AS stored USING (booth_id, serial)
      WHERE spooled.epic IN ('', stored.epic) AND spooled.name IN ('', stored.name) AND spooled.name_local IN ('', stored.name_local)
        AND spooled.relation IN ('', stored.relation) AND spooled.relation_name IN ('', stored.relation_name)
        AND spooled.sex IN ('', stored.sex) AND (spooled.age IS NULL OR spooled.age IS stored.age)
        AND spooled.house IN ('', stored.house)
        AND spooled.section IN ('', stored.section) AND spooled.language IN ('', stored.language)) AS unchanged,
    (SELECT count(*) FROM main.phone AS spooled
      WHERE NOT EXISTS (SELECT 1 FROM store.phone AS stored WHERE stored.e164 = spooled.e164)) AS numbers,
    (SELECT count(*) FROM main.link CROSS JOIN main.voter AS spooled ON spooled.voter_id = link.voter_id
      CROSS JOIN main.phone AS number ON number.phone_id = link.phone_id
      WHERE NOT EXISTS (
          SELECT 1 FROM store.phone AS stored CROSS JOIN store.link AS linked ON linked.phone_id = stored.phone_id
          CROSS JOIN store.voter AS owner ON owner.voter_id = linked.voter_id
          WHERE stored.e164 = number.e164 AND owner.booth_id = spooled.booth_id AND owner.serial = spooled.serial
      )) AS links,
    (SELECT count(*) FROM main.phone AS spooled CROSS JOIN store.opt_out ON store.opt_out.e164 = spooled.e164) AS opted_out;

-- name: numbers
SELECT e164 FROM phone ORDER BY phone_id;

-- name: roll
SELECT file_name, sha256, rows, rejected, (SELECT count(*) FROM voter) AS voters,
       coalesce(audit.what ->> 'source', '') AS source, coalesce(audit.what ->> 'mapping', '') AS mapping
  FROM import_run LEFT JOIN audit ON audit.at = import_run.at AND audit.kind = 'roll-import'
 ORDER BY import_id DESC LIMIT 1;

-- name: booths
SELECT booth_id, roll_version, state_code, constituency_number, part_number, constituency_name, name, name_local, language, closes_at
  FROM booth WHERE EXISTS (SELECT 1 FROM voter WHERE voter.booth_id = booth.booth_id) ORDER BY booth_id;

-- name: voters
SELECT voter_id, booth_id, serial, epic, name, name_local, relation, relation_name, sex, age, house, section, language
  FROM voter WHERE voter_id > :after ORDER BY voter_id LIMIT :most;

-- name: links
SELECT link.voter_id, phone.e164 AS number FROM link CROSS JOIN phone ON phone.phone_id = link.phone_id
 WHERE link.voter_id BETWEEN :first AND :last ORDER BY link.voter_id, phone.phone_id;
