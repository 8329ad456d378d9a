-- The rows that are sealed. Each statement selects the row's key and then every sealed field. The order never changes:
-- a later version that seals more fields adds them at the end and seals them under another kind, so that earlier seals
-- can still be checked.

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

-- Ids of rows that are looked up by a number or its hash.

-- name: opt_out_id_of_number
SELECT opt_out_id FROM opt_out WHERE e164 = :number;

-- name: opt_out_id_of_phone
SELECT opt_out_id FROM opt_out WHERE e164 = (SELECT e164 FROM phone WHERE phone_id = :phone_id);

-- name: opt_out_hash_id
SELECT opt_out_hash_id FROM opt_out_hash WHERE number_hash = :number_hash;

-- name: consent_ahead_id
SELECT consent_ahead_id FROM consent_ahead WHERE e164 = :number;

-- name: phone_id_of_number
SELECT phone_id FROM phone WHERE e164 = :number;
