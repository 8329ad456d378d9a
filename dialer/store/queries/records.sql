-- Commands, seats' time, answers of flows, and what the pacer learned.

-- name: kept_command
SELECT content, reply FROM command WHERE command_id = :command_id;

-- name: insert_command
INSERT INTO command (command_id, at, name, content, reply) VALUES (:command_id, :at, :name, :content, :reply)
ON CONFLICT (command_id) DO NOTHING;

-- name: forget_commands
DELETE FROM command WHERE command_id IN (
    SELECT command_id FROM command WHERE at < :before ORDER BY at LIMIT :most
);

-- name: complete_command
UPDATE command SET reply = :reply WHERE command_id = :command_id;

-- name: insert_recording
INSERT INTO recording (attempt_id, started_at) VALUES (:attempt_id, :started_at) ON CONFLICT (attempt_id) DO NOTHING;

-- name: has_recording
SELECT 1 FROM recording JOIN attempt USING (attempt_id) WHERE attempt_id = :attempt_id AND ended_at IS NOT NULL;

-- name: insert_seat_interval
INSERT INTO seat_interval (seat, agent, state, from_at, until_at, reason) VALUES (:seat, :agent, :state, :from_at, :until_at, :reason)
ON CONFLICT (from_at, seat, state) DO NOTHING;

-- name: save_pacer_state
UPDATE campaign SET pacer_state = :state WHERE campaign_id = :campaign_id;

-- name: pacer_state
SELECT pacer_state FROM campaign WHERE campaign_id = :campaign_id;

-- name: record_answer_of_flow
INSERT INTO flow_answer (attempt_id, name, value, at) VALUES (:attempt_id, :name, :value, :at)
ON CONFLICT (attempt_id, name) DO UPDATE SET value = :value, at = :at WHERE value <> :value;

-- name: of_answers
SELECT campaign_id, voter_id FROM attempt WHERE attempt_id = :attempt_id;

-- name: forget_answer_of_flow
DELETE FROM flow_answer WHERE attempt_id = :attempt_id AND name = :name;

-- name: flow_answers
SELECT name, value FROM flow_answer WHERE attempt_id = :attempt_id ORDER BY name;

-- name: standing_orders
SELECT addressee, command, content, at, until FROM standing_order ORDER BY addressee, command;

-- name: keep_order
INSERT INTO standing_order (addressee, command, content, at, until) VALUES (:addressee, :command, :content, :at, :until)
ON CONFLICT (addressee, command) DO UPDATE SET content = :content, at = :at, until = :until;

-- name: end_order
DELETE FROM standing_order WHERE addressee = :addressee AND command = :command;

-- name: end_orders_of
DELETE FROM standing_order WHERE addressee = :addressee;

-- name: forget_orders
DELETE FROM standing_order WHERE until <= :now;

-- name: phone_number
SELECT e164 FROM phone WHERE phone_id = :phone_id AND opted_out_at IS NULL;

-- name: open_attempt_on
SELECT attempt.attempt_id FROM phone JOIN attempt ON attempt.phone_id = phone.phone_id
WHERE phone.e164 = :number AND attempt.ended_at IS NULL;
-- name: keep_log_in
INSERT INTO log_in (seat, agent, paused, reason, at) VALUES (:seat, :agent, :paused, :reason, :at)
ON CONFLICT (seat) DO UPDATE SET agent = :agent, paused = :paused, reason = :reason, at = :at;

-- name: log_in_of
SELECT agent FROM log_in WHERE seat = :seat;

-- name: drop_log_in
DELETE FROM log_in WHERE seat = :seat;

-- name: log_ins
SELECT seat, agent, paused, reason, at FROM log_in ORDER BY seat;
