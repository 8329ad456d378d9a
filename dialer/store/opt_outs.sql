-- Opt-outs: numbers that are never called again. Other centres' opt-outs are known by keyed hashes.

-- name: mark_phone
UPDATE phone SET opted_out_at = :at WHERE phone_id = :phone_id AND opted_out_at IS NULL;

-- name: phone_exists
SELECT EXISTS (SELECT 1 FROM phone WHERE phone_id = :phone_id);

-- name: phone_id_of
SELECT phone_id FROM phone WHERE e164 = :number;

-- name: insert_for_phone
INSERT INTO opt_out (e164, at, source, attempt_id) SELECT e164, :at, :source, :attempt_id FROM phone WHERE phone_id = :phone_id
ON CONFLICT (e164) DO NOTHING;

-- name: insert_for_number
INSERT INTO opt_out (e164, at, source, attempt_id) VALUES (:number, :at, :source, NULL) ON CONFLICT (e164) DO NOTHING;

-- name: insert_hash
INSERT INTO opt_out_hash (number_hash, at, centre) VALUES (:number_hash, :at, :centre) ON CONFLICT (number_hash) DO NOTHING;
