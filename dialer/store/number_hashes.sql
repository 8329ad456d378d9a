-- Keyed hashes of the roll's numbers, by which centres tell each other about opt-outs.

-- name: secrets
SELECT fingerprint, secret AS secret_id FROM hash_secret;

-- name: insert_secret
INSERT INTO hash_secret (fingerprint) VALUES (:fingerprint);

-- name: delete_secret
DELETE FROM hash_secret WHERE secret = :secret_id;

-- Own opt-outs are announced with this secret.
-- name: set_announcing_secret
UPDATE hash_secret SET tells = (fingerprint = :fingerprint);

-- name: hash_of
SELECT number_hash FROM hash_secret CROSS JOIN phone_hash USING (secret)
WHERE hash_secret.tells AND phone_hash.phone_id = :phone_id;

-- name: number_with_hash
SELECT phone_id FROM phone_hash WHERE number_hash = :number_hash;

-- name: known_hashes
SELECT number_hash FROM phone_hash WHERE number_hash IN (SELECT value FROM json_each(:hashes));

-- Changes with the numbers of the roll and with the secrets.
-- name: roll_state
SELECT coalesce((SELECT max(phone_id) FROM phone_hash), 0) || ' ' || coalesce((SELECT group_concat(fingerprint) FROM hash_secret), '');

-- name: announcing_fingerprint
SELECT fingerprint FROM hash_secret WHERE tells;

-- name: lowest_hashes
SELECT phone_hash.number_hash FROM phone_hash CROSS JOIN hash_secret USING (secret)
WHERE hash_secret.tells ORDER BY phone_hash.number_hash LIMIT :limit;

-- Numbers without a hash under a secret, read page by page when the dialler starts.
-- name: unhashed
SELECT phone_id, e164 FROM phone
WHERE phone_id > :after
  AND NOT EXISTS (SELECT 1 FROM phone_hash WHERE phone_hash.phone_id = phone.phone_id AND phone_hash.secret = :secret_id)
ORDER BY phone_id LIMIT :limit;

-- name: insert_hash
INSERT INTO phone_hash (phone_id, secret, number_hash) VALUES (:phone_id, :secret_id, :number_hash) ON CONFLICT (phone_id, secret) DO NOTHING;

-- name: delete_hashes
DELETE FROM phone_hash WHERE secret = :secret_id;

-- Hashes are in random order: an index that grows with them costs six times as much as one that is created afterwards.
-- name: drop_index
DROP INDEX IF EXISTS phone_hash_by_hash;

-- name: create_index
CREATE INDEX IF NOT EXISTS phone_hash_by_hash ON phone_hash (number_hash);

-- Opt-outs of other centres under a secret whose number is known and suppressed here, so that the hash is not needed
-- name: delete_known_by_number
DELETE FROM opt_out_hash
WHERE number_hash IN (SELECT number_hash FROM phone_hash CROSS JOIN phone USING (phone_id)
                      WHERE phone_hash.secret = :secret_id AND phone.opted_out_at IS NOT NULL);

-- Which secret made a hash shows only where it fits one of our numbers.
-- name: any_known_by_hash_only
SELECT EXISTS (SELECT 1 FROM opt_out_hash WHERE NOT EXISTS (
    SELECT 1 FROM phone_hash CROSS JOIN phone USING (phone_id)
    WHERE phone_hash.number_hash = opt_out_hash.number_hash AND phone.opted_out_at IS NOT NULL));

-- name: suppressed_elsewhere
SELECT phone_hash.phone_id, opt_out_hash.at, opt_out_hash.centre
FROM opt_out_hash
CROSS JOIN phone_hash ON phone_hash.number_hash = opt_out_hash.number_hash
CROSS JOIN phone ON phone.phone_id = phone_hash.phone_id
WHERE phone.opted_out_at IS NULL;

-- Reads only numbers with an id after :after.
-- name: suppressed_elsewhere_after
SELECT phone_hash.phone_id, opt_out_hash.at, opt_out_hash.centre
FROM phone_hash
CROSS JOIN opt_out_hash ON opt_out_hash.number_hash = phone_hash.number_hash
CROSS JOIN phone ON phone.phone_id = phone_hash.phone_id
WHERE phone_hash.phone_id > :after AND phone.opted_out_at IS NULL;
