-- Erasing what identifies people. For a person at the command line, the dialler at rest: these may walk whole tables.

-- name: phone
SELECT phone_id FROM phone WHERE e164 = :number;

-- Whose wrong number it was is not on it any more.
-- name: voters_on
SELECT DISTINCT voter_id FROM link WHERE phone_id = :phone_id AND dropped_at IS NULL;

-- name: blank_voter
UPDATE voter SET epic = '', name = '', name_local = '', relation = '', relation_name = '', sex = '', age = NULL, house = '',
                 section = '', weight = 1.0
WHERE voter_id = :voter_id;

-- A booth worker stays as an id alone, for the marks that came from there.
-- name: blank_worker
UPDATE worker SET name = '', gone = 1 WHERE phone_id = :phone_id;

-- name: blank_workers
UPDATE worker SET name = '', gone = 1;

-- name: forget_unknown_serials
DELETE FROM unknown_serial;

-- name: drop_links
DELETE FROM link WHERE phone_id = :phone_id;

-- A number that is no number: nothing dials it, and attempts and marks still have their id.
-- name: blank_phone
UPDATE phone SET e164 = 'erased-' || phone_id, opted_out_at = coalesce(opted_out_at, :at), consent = 'unknown',
                 consent_source = '', consent_at = NULL
WHERE phone_id = :phone_id;

-- Calls that came in, from numbers on no roll too: then the number stands here alone.
-- name: blank_callers
UPDATE inbound_call SET e164 = NULL WHERE e164 = :number;

-- name: attempts_on
SELECT attempt_id FROM attempt WHERE phone_id = (SELECT phone_id FROM phone WHERE e164 = :number);

-- name: recordings_on
SELECT count(*) FROM recording CROSS JOIN attempt USING (attempt_id)
WHERE attempt.phone_id = (SELECT phone_id FROM phone WHERE e164 = :number);

-- Messages that Twilio recorded stay there, under the id that the answer gives.
-- name: with_twilio_on
SELECT flow_answer.value FROM flow_answer CROSS JOIN attempt USING (attempt_id)
WHERE attempt.phone_id = (SELECT phone_id FROM phone WHERE e164 = :number)
  AND flow_answer.value GLOB 'RE[0-9a-f]*' AND length(flow_answer.value) = 34
ORDER BY flow_answer.value;

-- Of a number, or of all.
-- name: forget_recordings
DELETE FROM recording WHERE :phone_id IS NULL OR attempt_id IN (SELECT attempt_id FROM attempt WHERE phone_id = :phone_id);

-- Of a number, or of all.
-- name: forget_messages
DELETE FROM flow_answer WHERE value GLOB attempt_id || '-[0-9]*'
  AND (:phone_id IS NULL OR attempt_id IN (SELECT attempt_id FROM attempt WHERE phone_id = :phone_id));

-- Of a number, or of all.
-- name: forget_own_call_backs
DELETE FROM own_call_back WHERE :phone_id IS NULL OR phone_id = :phone_id;

-- name: forget_hash
DELETE FROM phone_hash WHERE phone_id = :phone_id;

-- name: registers_of
SELECT register FROM registered WHERE e164 = :number ORDER BY register;

-- name: forget_registered
DELETE FROM registered WHERE e164 = :number;

-- name: forget_consent_ahead
DELETE FROM consent_ahead WHERE e164 = :number;

-- That somebody opted out, when, and in which call, is told of on: of the number that is no number, or of none on the roll (:place tells
-- those apart).
-- name: blank_opt_out
UPDATE opt_out SET e164 = coalesce((SELECT 'erased-' || phone_id FROM phone WHERE phone.e164 = :number), 'erased-0-' || :place)
WHERE e164 = :number;

-- The highest of those names, not how many there are: of those that one purge blanks, numbers on the roll have taken some places.
-- name: last_off_the_roll
SELECT coalesce(max(CAST(substr(e164, 10) AS INTEGER)), 0) FROM opt_out WHERE e164 GLOB 'erased-0-*';

-- name: all_opt_outs
SELECT e164 FROM opt_out WHERE e164 NOT GLOB 'erased-*';

-- A dialler hears its own news too: then the hash is there with the moment, which leads to the call.
-- name: keep_hash
INSERT INTO opt_out_hash (number_hash, at, centre) VALUES (:number_hash, :at, :centre)
ON CONFLICT (number_hash) DO UPDATE SET at = excluded.at, centre = excluded.centre;

-- name: was_erased
SELECT 1 FROM opt_out_hash WHERE number_hash = :number_hash AND centre = :centre;

-- name: counts
SELECT (SELECT count(*) FROM voter WHERE name <> '' OR house <> '' OR epic <> '') AS voters,
       (SELECT count(*) FROM phone WHERE e164 NOT LIKE 'erased-%') AS numbers,
       (SELECT count(*) FROM attempt) AS attempts,
       (SELECT count(*) FROM mark) AS marks,
       (SELECT count(*) FROM recording) AS recordings,
       (SELECT count(*) FROM flow_answer WHERE value GLOB 'RE[0-9a-f]*' AND length(value) = 34) AS with_twilio;

-- name: blank_voters
UPDATE voter SET epic = '', name = '', name_local = '', relation = '', relation_name = '', sex = '', age = NULL, house = '',
                 section = '', weight = 1.0;

-- name: drop_all_links
DELETE FROM link;

-- name: blank_phones
UPDATE phone SET e164 = 'erased-' || phone_id, opted_out_at = coalesce(opted_out_at, :at), consent = 'unknown',
                 consent_source = '', consent_at = NULL;

-- name: close_targets
UPDATE target SET state = 'closed', claimed_by = NULL, claimed_until = NULL WHERE state <> 'closed';

-- name: forget_hashes
DELETE FROM phone_hash;

-- name: forget_all_registered
DELETE FROM registered;

-- name: forget_registers
DELETE FROM register;

-- name: forget_all_consent_ahead
DELETE FROM consent_ahead;

-- name: forget_marks
DELETE FROM mark;

-- name: blank_all_callers
UPDATE inbound_call SET e164 = NULL;

-- name: forget_complaint_answers
DELETE FROM complaint_answer;

-- name: forget_complaints
DELETE FROM complaint;

-- name: forget_answers
DELETE FROM flow_answer;

-- name: forget_inbound
DELETE FROM inbound_call;

-- name: forget_released
DELETE FROM released_unknown;

-- name: forget_attempts
DELETE FROM attempt;

-- name: forget_intervals
DELETE FROM seat_interval;
