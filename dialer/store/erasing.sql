-- Erasing what identifies people. Used at the command line while the dialler is stopped: these may read whole tables.

-- name: phone_id_of
SELECT phone_id FROM phone WHERE e164 = :number;

-- Without voters for whom it was a wrong number.
-- name: voters_on
SELECT DISTINCT voter_id FROM link WHERE phone_id = :phone_id AND dropped_at IS NULL;

-- name: blank_voter
UPDATE voter SET epic = '', name = '', name_local = '', relation = '', relation_name = '', sex = '', age = NULL, house = '',
                 section = '', weight = 1.0
WHERE voter_id = :voter_id;

-- The id of a booth worker stays, for the worker's marks.
-- name: blank_worker
UPDATE worker SET name = '', gone = 1 WHERE phone_id = :phone_id;

-- name: blank_workers
UPDATE worker SET name = '', gone = 1;

-- name: delete_unknown_serials
DELETE FROM unknown_serial;

-- name: delete_links
DELETE FROM link WHERE phone_id = :phone_id;

-- The new value is not a phone number, so that nothing dials it. The id stays, for attempts and marks.
-- name: blank_phone
UPDATE phone SET e164 = 'erased-' || phone_id, opted_out_at = coalesce(opted_out_at, :at), consent = 'unknown',
                 consent_source = '', consent_at = NULL
WHERE phone_id = :phone_id;

-- Inbound calls may come from numbers that are not on the roll.
-- name: blank_callers
UPDATE inbound_call SET e164 = NULL WHERE e164 = :number;

-- name: attempts_on
SELECT attempt_id FROM attempt WHERE phone_id = (SELECT phone_id FROM phone WHERE e164 = :number);

-- name: recordings_on
SELECT count(*) FROM recording CROSS JOIN attempt USING (attempt_id)
WHERE attempt.phone_id = (SELECT phone_id FROM phone WHERE e164 = :number);

-- Messages that Twilio recorded stay with Twilio, under the id in the answer.
-- name: twilio_recordings_on
SELECT flow_answer.value FROM flow_answer CROSS JOIN attempt USING (attempt_id)
WHERE attempt.phone_id = (SELECT phone_id FROM phone WHERE e164 = :number)
  AND flow_answer.value GLOB 'RE[0-9a-f]*' AND length(flow_answer.value) = 34
ORDER BY flow_answer.value;

-- Rows of one number, or of all numbers (NULL).
-- name: delete_recordings
DELETE FROM recording WHERE :phone_id IS NULL OR attempt_id IN (SELECT attempt_id FROM attempt WHERE phone_id = :phone_id);

-- Rows of one number, or of all numbers (NULL).
-- name: delete_messages
DELETE FROM flow_answer WHERE value GLOB attempt_id || '-[0-9]*'
  AND (:phone_id IS NULL OR attempt_id IN (SELECT attempt_id FROM attempt WHERE phone_id = :phone_id));

-- Rows of one number, or of all numbers (NULL).
-- name: delete_own_call_backs
DELETE FROM own_call_back WHERE :phone_id IS NULL OR phone_id = :phone_id;

-- name: delete_hash
DELETE FROM phone_hash WHERE phone_id = :phone_id;

-- Rows of one number, or of all numbers (NULL).
-- name: delete_peer_calls
DELETE FROM peer_call WHERE :phone_id IS NULL OR phone_id = :phone_id;

-- name: delete_registered
DELETE FROM registered WHERE e164 = :number;

-- name: delete_consent_ahead
DELETE FROM consent_ahead WHERE e164 = :number;

-- The time and call of the opt-out stay, for the blanked number, or for a number that is not on the roll, which gets the
-- serial number :place.
-- name: blank_opt_out
UPDATE opt_out SET e164 = coalesce((SELECT 'erased-' || phone_id FROM phone WHERE phone.e164 = :number), 'erased-0-' || :place)
WHERE e164 = :number;

-- The highest serial number used, which is not the count: a purge gives serial numbers to numbers on the roll too.
-- name: last_blank_place
SELECT coalesce(max(CAST(substr(e164, 10) AS INTEGER)), 0) FROM opt_out WHERE e164 GLOB 'erased-0-*';

-- name: listed_opt_outs
SELECT e164 FROM opt_out WHERE e164 NOT GLOB 'erased-*';

-- A dialler also receives its own opt-outs. Such a row has the time of the opt-out, which would identify the call.
-- name: set_hash
INSERT INTO opt_out_hash (number_hash, at, centre) VALUES (:number_hash, :at, :centre)
ON CONFLICT (number_hash) DO UPDATE SET at = excluded.at, centre = excluded.centre;

-- name: was_erased
SELECT EXISTS (SELECT 1 FROM opt_out_hash WHERE number_hash = :number_hash AND centre = :centre);

-- name: holdings
SELECT (SELECT count(*) FROM voter WHERE name <> '' OR house <> '' OR epic <> '') AS voters,
       (SELECT count(*) FROM phone WHERE e164 NOT LIKE 'erased-%') AS numbers,
       (SELECT count(*) FROM attempt) AS attempts,
       (SELECT count(*) FROM mark) AS marks,
       (SELECT count(*) FROM recording) AS recordings,
       (SELECT count(*) FROM flow_answer WHERE value GLOB 'RE[0-9a-f]*' AND length(value) = 34) AS with_twilio;

-- name: blank_voters
UPDATE voter SET epic = '', name = '', name_local = '', relation = '', relation_name = '', sex = '', age = NULL, house = '',
                 section = '', weight = 1.0;

-- name: delete_all_links
DELETE FROM link;

-- name: blank_phones
UPDATE phone SET e164 = 'erased-' || phone_id, opted_out_at = coalesce(opted_out_at, :at), consent = 'unknown',
                 consent_source = '', consent_at = NULL;

-- name: close_targets
UPDATE target SET state = 'closed', claimed_by = NULL, claimed_until = NULL WHERE state <> 'closed';

-- name: delete_hashes
DELETE FROM phone_hash;

-- name: delete_all_registered
DELETE FROM registered;

-- name: delete_registers
DELETE FROM register;

-- name: delete_all_consent_ahead
DELETE FROM consent_ahead;

-- name: delete_marks
DELETE FROM mark;

-- name: blank_all_callers
UPDATE inbound_call SET e164 = NULL;

-- name: delete_complaint_answers
DELETE FROM complaint_answer;

-- name: delete_complaints
DELETE FROM complaint;

-- name: delete_answers
DELETE FROM flow_answer;

-- name: delete_inbound_calls
DELETE FROM inbound_call;

-- name: delete_judged_calls
DELETE FROM judged_call;

-- name: delete_releases
DELETE FROM released_unknown;

-- name: delete_attempts
DELETE FROM attempt;

-- name: delete_intervals
DELETE FROM seat_interval;
