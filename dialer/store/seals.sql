-- Seals of rows, and the batches in which they are chained.

-- name: append
INSERT INTO seal (entity, row_id, kind, salt, digest, checks) VALUES (:entity, :row_id, :kind, :salt, :digest, :checks);

-- A placeholder, so that the ids of seals continue after a purge deleted all of them.
-- name: append_placeholder
INSERT INTO seal (seal_id, entity, row_id, kind, digest, checks) VALUES (:seal_id, 'purge', :seal_id, 'new', x'', x'');

-- name: seals_after
SELECT seal_id, entity, row_id, kind, digest, checks FROM seal WHERE seal_id > :last ORDER BY seal_id;

-- name: last_batch
SELECT what FROM audit WHERE kind = 'seal' ORDER BY number DESC LIMIT 1;

-- name: any_seal
SELECT EXISTS (SELECT 1 FROM seal) OR EXISTS (SELECT 1 FROM audit WHERE kind = 'seal');

-- name: last_seal
SELECT coalesce(max(seal_id), 0) FROM seal;

-- name: is_sealed
SELECT EXISTS (SELECT 1 FROM seal WHERE entity = :entity AND row_id = :row_id AND salt IS NOT NULL);

-- name: delete_salts
UPDATE seal SET salt = NULL WHERE entity = :entity AND row_id = :row_id AND salt IS NOT NULL;

-- name: delete_all
DELETE FROM seal;

-- Consents stored ahead that a trigger moved to their number when a roll brought it. A trigger cannot seal them.
-- name: taken_consents
SELECT phone_id, consent_ahead_id FROM consent_taken ORDER BY phone_id;

-- name: delete_taken_consents
DELETE FROM consent_taken;
