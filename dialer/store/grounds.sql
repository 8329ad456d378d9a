-- Why calls were lawful: the rules in force, and the grounds of each call, which many calls share.

-- name: grounds_id
SELECT lawful_id FROM lawful WHERE digest = :digest;

-- name: insert_grounds
INSERT INTO lawful (digest, grounds) VALUES (:digest, :grounds);

-- name: insert_rules_version
INSERT INTO rules_version (digest, text, since) VALUES (:digest, :text, :since) ON CONFLICT (digest) DO NOTHING;

-- Inserts a row only if the rules differ from those of the previous start.
-- name: insert_rules_use
INSERT INTO rules_use (since, digest)
SELECT :since, :digest WHERE :digest IS NOT (SELECT digest FROM rules_use ORDER BY since DESC, rowid DESC LIMIT 1);
