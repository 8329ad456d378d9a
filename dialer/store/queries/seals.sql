-- Seals of rows, and the rows as they are sealed: the key first, then every field that is sealed, in an order that never changes.
-- Where a later version seals more fields, it does so under another kind, so that earlier seals can still be compared.

-- name: append
INSERT INTO seal (entity, row_id, kind, salt, digest, checks) VALUES (:entity, :row_id, :kind, :salt, :digest, :checks);

-- name: append_after
INSERT INTO seal (seal_id, entity, row_id, kind, digest, checks) VALUES (:seal_id, 'purge', :seal_id, 'new', x'', x'');

-- name: after
SELECT seal_id, entity, row_id, kind, digest, checks FROM seal WHERE seal_id > :last ORDER BY seal_id;

-- name: up_to
SELECT seal_id, entity, row_id, kind, digest, checks FROM seal WHERE seal_id BETWEEN :first AND :last ORDER BY seal_id;

-- name: last_batch
SELECT what FROM audit WHERE kind = 'seal' ORDER BY number DESC LIMIT 1;

-- name: any_seal
SELECT EXISTS (SELECT 1 FROM seal) OR EXISTS (SELECT 1 FROM audit WHERE kind = 'seal');

-- name: last_seal
SELECT coalesce(max(seal_id), 0) FROM seal;

-- name: last_of_each
SELECT row_id, max(seal_id) AS seal_id, kind, salt, digest, checks,
       CAST(total(kind IN ('open', 'new')) AS INTEGER) AS begun, CAST(total(kind = 'end') AS INTEGER) AS ended,
       CAST(total(kind = 'gone') AS INTEGER) AS gone, group_concat(CASE kind WHEN 'end' THEN hex(checks) END) AS end_checks
FROM seal WHERE entity = :entity GROUP BY row_id ORDER BY row_id;

-- name: is_sealed
SELECT 1 FROM seal WHERE entity = :entity AND row_id = :row_id AND salt IS NOT NULL LIMIT 1;

-- name: forget_salts
UPDATE seal SET salt = NULL WHERE entity = :entity AND row_id = :row_id AND salt IS NOT NULL;

-- name: forget_all
DELETE FROM seal;

-- name: taken
SELECT phone_id, consent_ahead_id FROM consent_taken ORDER BY phone_id;

-- name: taken_is_sealed
DELETE FROM consent_taken;

-- The rows

-- name: attempt_row
SELECT attempt_id, campaign_id, phone_id, voter_id, worker_id, attempt_number, trunk, caller_id, created_at, direction,
       lawful_id, gap_seconds, disposition, disposed_at,
       ringing_at, answered_at, connected_at, ended_at, outcome, cause, technical_cause, seat, agent, flow, left_at, worker_booth_id,
       note
FROM attempt WHERE attempt_id = :row_id;

-- name: attempt_rows
SELECT attempt_id, campaign_id, phone_id, voter_id, worker_id, attempt_number, trunk, caller_id, created_at, direction,
       lawful_id, gap_seconds, disposition, disposed_at,
       ringing_at, answered_at, connected_at, ended_at, outcome, cause, technical_cause, seat, agent, flow, left_at, worker_booth_id,
       note
FROM attempt ORDER BY attempt_id;

-- name: lawful_row
SELECT lawful_id, digest, grounds FROM lawful WHERE lawful_id = :row_id;

-- name: lawful_rows
SELECT lawful_id, digest, grounds FROM lawful ORDER BY lawful_id;

-- name: rules_row
SELECT digest, text, since FROM rules_version WHERE digest = :row_id;

-- name: rules_rows
SELECT digest, text, since FROM rules_version ORDER BY digest;

-- name: mark_row
SELECT mark_id, key, voter_id, kind, hour, source, at, attempt_id, agent, confidence, worker_id, undoes FROM mark
WHERE mark_id = :row_id;

-- name: mark_rows
SELECT mark_id, key, voter_id, kind, hour, source, at, attempt_id, agent, confidence, worker_id, undoes FROM mark ORDER BY mark_id;

-- name: opt_out_row
SELECT opt_out_id, e164, at, source, attempt_id FROM opt_out WHERE opt_out_id = :row_id;

-- name: opt_out_rows
SELECT opt_out_id, e164, at, source, attempt_id FROM opt_out ORDER BY opt_out_id;

-- name: opt_out_hash_row
SELECT opt_out_hash_id, number_hash, at, centre FROM opt_out_hash WHERE opt_out_hash_id = :row_id;

-- name: opt_out_hash_rows
SELECT opt_out_hash_id, number_hash, at, centre FROM opt_out_hash ORDER BY opt_out_hash_id;

-- name: consent_row
SELECT phone_id, e164, consent, consent_source, consent_at FROM phone WHERE phone_id = :row_id;

-- name: consent_rows
SELECT phone_id, e164, consent, consent_source, consent_at FROM phone
WHERE consent <> 'unknown' OR phone_id IN (SELECT row_id FROM seal WHERE entity = 'consent') ORDER BY phone_id;

-- name: consent_ahead_row
SELECT consent_ahead_id, e164, consent, source, at FROM consent_ahead WHERE consent_ahead_id = :row_id;

-- name: consent_ahead_rows
SELECT consent_ahead_id, e164, consent, source, at FROM consent_ahead ORDER BY consent_ahead_id;

-- name: complaint_row
SELECT complaint_id, key, at, about, channel, campaign_id, attempt_id, phone_id, entered_at, who FROM complaint
WHERE complaint_id = :row_id;

-- name: complaint_rows
SELECT complaint_id, key, at, about, channel, campaign_id, attempt_id, phone_id, entered_at, who FROM complaint ORDER BY complaint_id;

-- name: complaint_answer_row
SELECT answer_id, key, complaint_id, at, answer, who FROM complaint_answer WHERE answer_id = :row_id;

-- name: complaint_answer_rows
SELECT answer_id, key, complaint_id, at, answer, who FROM complaint_answer ORDER BY answer_id;

-- name: official_row
SELECT figure_id, day, constituency_number, part_number, by_time, share, entered_at, who, state_code FROM official_turnout
WHERE figure_id = :row_id;

-- name: official_rows
SELECT figure_id, day, constituency_number, part_number, by_time, share, entered_at, who, state_code FROM official_turnout
ORDER BY figure_id;

-- name: released_row
SELECT attempt_id, at, who, reason FROM released_unknown WHERE attempt_id = :row_id;

-- name: released_rows
SELECT attempt_id, at, who, reason FROM released_unknown ORDER BY attempt_id;

-- name: register_row
SELECT name, dated, imported_at, numbers, sha256, (
    SELECT all_numbers(e164) FROM (SELECT e164 FROM registered WHERE register = :row_id ORDER BY e164)
) AS numbers_of_it FROM register WHERE name = :row_id;

-- name: register_rows
SELECT name, dated, imported_at, numbers, sha256, (
    SELECT all_numbers(e164) FROM (SELECT e164 FROM registered WHERE register = name ORDER BY e164)
) AS numbers_of_it FROM register ORDER BY name;

-- How voters stand, but for those of whom nothing was said; and what the marks that stand say of them, in the order in which they came.
-- name: standings
SELECT voter_id, turnout, reached, turnout = 'pending' AND not_yet = 1 FROM voter
WHERE turnout <> 'pending' OR reached <> 0 OR not_yet <> 0 ORDER BY voter_id;

-- name: standing_marks
SELECT mark.voter_id, mark.kind, mark.source, mark.at FROM mark
WHERE mark.undoes IS NULL
  AND NOT EXISTS (SELECT 1 FROM mark AS later WHERE later.voter_id = mark.voter_id AND later.undoes = mark.key)
ORDER BY mark.voter_id, mark.mark_id;

-- Whose number stands in the suppression list and is not marked so itself.
-- name: not_suppressed
SELECT opt_out.opt_out_id FROM opt_out CROSS JOIN phone ON phone.e164 = opt_out.e164
WHERE phone.opted_out_at IS NULL ORDER BY opt_out.opt_out_id;

-- Ids of rows that a number keys

-- name: opt_out_id_of
SELECT opt_out_id FROM opt_out WHERE e164 = :number;

-- name: opt_out_id_of_phone
SELECT opt_out_id FROM opt_out WHERE e164 = (SELECT e164 FROM phone WHERE phone_id = :phone_id);

-- name: opt_out_hash_id_of
SELECT opt_out_hash_id FROM opt_out_hash WHERE number_hash = :hashed;

-- name: consent_ahead_id_of
SELECT consent_ahead_id FROM consent_ahead WHERE e164 = :number;
