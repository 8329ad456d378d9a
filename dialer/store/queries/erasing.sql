-- Erasing what identifies people. For a person at the command line, the dialler at rest: these may walk whole tables.

-- name: phone
SELECT phone_id FROM phone WHERE e164 = ?1;

-- name: voters_on
SELECT DISTINCT voter_id FROM link WHERE phone_id = ?1;

-- name: blank_voter
UPDATE voter SET epic = '', name = '', name_local = '', relation = '', relation_name = '', sex = '', age = NULL, house = '',
                 section = '', weight = 1.0
WHERE voter_id = ?1;

-- name: drop_links
DELETE FROM link WHERE phone_id = ?1;

-- A number that is no number: nothing dials it, and attempts and marks still have their id.
-- name: blank_phone
UPDATE phone SET e164 = 'erased-' || phone_id, opted_out_at = coalesce(opted_out_at, ?2), consent = 'unknown',
                 consent_source = '', consent_at = NULL
WHERE phone_id = ?1;

-- name: forget_hash
DELETE FROM phone_hash WHERE phone_id = ?1;

-- name: forget_registered
DELETE FROM registered WHERE e164 = ?1;

-- name: forget_opt_out
DELETE FROM opt_out WHERE e164 = ?1;

-- name: all_opt_outs
SELECT e164, at FROM opt_out;

-- name: keep_hash
INSERT INTO opt_out_hash (number_hash, at, centre) VALUES (?1, ?2, ?3) ON CONFLICT (number_hash) DO NOTHING;

-- name: counts
SELECT (SELECT count(*) FROM voter WHERE name <> '' OR house <> '' OR epic <> ''),
       (SELECT count(*) FROM phone WHERE e164 NOT LIKE 'erased-%'),
       (SELECT count(*) FROM attempt),
       (SELECT count(*) FROM mark);

-- name: blank_voters
UPDATE voter SET epic = '', name = '', name_local = '', relation = '', relation_name = '', sex = '', age = NULL, house = '',
                 section = '', weight = 1.0;

-- name: drop_all_links
DELETE FROM link;

-- name: blank_phones
UPDATE phone SET e164 = 'erased-' || phone_id, opted_out_at = coalesce(opted_out_at, ?1), consent = 'unknown',
                 consent_source = '', consent_at = NULL;

-- name: close_targets
UPDATE target SET state = 'closed', claimed_by = NULL, claimed_until = NULL WHERE state <> 'closed';

-- name: forget_hashes
DELETE FROM phone_hash;

-- name: forget_all_registered
DELETE FROM registered;

-- name: forget_registers
DELETE FROM register;

-- name: forget_opt_outs
DELETE FROM opt_out;

-- name: forget_marks
DELETE FROM mark;

-- name: forget_attempts
DELETE FROM attempt;

-- name: forget_intervals
DELETE FROM seat_interval;
