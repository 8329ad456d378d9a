-- Attempts: committed before they are dialled, and ended once.

-- Everything that is checked again before a number is dialled, in one row. `rung_since_asked_at`: when a promised
-- number last rang since its call was asked for, called by another campaign, or by this one and not answered.
-- name: pre_dial_check
SELECT target.rowid AS target, target.state, target.claimed_until, target.attempts,
       phone.opted_out_at IS NOT NULL OR EXISTS (SELECT 1 FROM opt_out WHERE opt_out.e164 = phone.e164) AS opted_out,
       EXISTS (SELECT 1 FROM attempt WHERE attempt.phone_id = :phone_id AND attempt.ended_at IS NULL) OR :worker_id IS NULL AND EXISTS (
           SELECT 1 FROM attempt INDEXED BY attempt_open -- of the few that are under way
           WHERE attempt.ended_at IS NULL AND attempt.voter_id = :voter_id AND attempt.worker_id IS NULL
       ) AS on_a_call,
       :worker_id IS NOT NULL OR EXISTS (
           SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
           WHERE link.voter_id = :voter_id AND link.phone_id = :phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending'
       ) AS addressed_pending,
       (
           SELECT count(*) FROM attempt
           WHERE attempt.phone_id = :phone_id AND attempt.attempt_number IS NOT NULL AND attempt.created_at >= :since
       ) AS attempts_since,
       (
           SELECT count(*) FROM attempt
           WHERE attempt.phone_id = :phone_id AND attempt.created_at >= :since
             AND (attempt.connected_at IS NOT NULL OR attempt.outcome = 'completed')
       ) AS conversations_since,
       EXISTS (SELECT 1 FROM attempt WHERE attempt.attempt_id = :attempt_id) AS repeated,
       target.promised,
       (
           SELECT max(attempt.ended_at) FROM attempt
           WHERE attempt.phone_id = :phone_id AND attempt.direction = 'outbound' AND attempt.outcome <> 'refused'
       ) AS called_at,
       (
           SELECT max(attempt.ended_at) FROM attempt
           WHERE attempt.phone_id = :phone_id AND attempt.outcome <> 'machine'
             AND (attempt.connected_at IS NOT NULL OR attempt.outcome = 'completed')
       ) AS talked_at,
       CASE WHEN target.promised THEN (
           SELECT max(attempt.ended_at) FROM attempt
           WHERE attempt.phone_id = :phone_id AND attempt.direction = 'outbound' AND attempt.outcome <> 'refused'
             AND (attempt.campaign_id <> :campaign_id OR attempt.ringing_at IS NOT NULL AND attempt.answered_at IS NULL)
             AND attempt.ended_at > coalesce((
                 SELECT max(asked.ended_at) FROM attempt AS asked
                 WHERE asked.phone_id = :phone_id AND asked.campaign_id = :campaign_id
                   AND (asked.answered_at IS NOT NULL OR asked.direction = 'inbound' OR asked.outcome = 'connected')
             ), 0)
       ) END AS rung_since_asked_at
FROM target CROSS JOIN phone ON phone.phone_id = target.phone_id
WHERE target.campaign_id = :campaign_id AND target.phone_id = :phone_id;

-- name: somebody_pending
SELECT EXISTS (
    SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
    WHERE link.phone_id = :phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending'
);

-- name: insert_attempt
INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at, worker_id,
                     lawful_id, gap_seconds)
VALUES (:attempt_id, :campaign_id, :phone_id, :voter_id, :attempt_number, :trunk, :caller_id, :created_at, :worker_id, :lawful_id, :gap_seconds);

-- name: start_dialling
UPDATE target SET state = 'dialling', attempts = attempts + 1, claimed_by = NULL, claimed_until = NULL WHERE rowid = :target;

-- name: record_answer
UPDATE attempt SET answered_at = coalesce(answered_at, :answered_at) WHERE attempt_id = :attempt_id AND ended_at IS NULL;

-- name: record_connect
UPDATE attempt SET connected_at = coalesce(connected_at, :connected_at), seat = :seat, agent = :agent
WHERE attempt_id = :attempt_id AND ended_at IS NULL;

-- A SELECT and an UPDATE by rowid cost less than UPDATE ... RETURNING, and this runs for every call.
-- name: attempt_to_end
SELECT attempt.rowid AS attempt, target.rowid AS target, attempt.campaign_id, attempt.phone_id,
       attempt.worker_id IS NOT NULL AS of_worker, attempt.voter_id,
       attempt.disposition
FROM attempt CROSS JOIN target ON target.campaign_id = attempt.campaign_id AND target.phone_id = attempt.phone_id
WHERE attempt.attempt_id = :attempt_id AND attempt.ended_at IS NULL AND attempt.direction = 'outbound';

-- name: end_attempt
UPDATE attempt SET
    outcome = :outcome, ended_at = :ended_at,
    ringing_at = coalesce(:ringing_at, ringing_at), answered_at = coalesce(:answered_at, answered_at), connected_at = coalesce(:connected_at, connected_at),
    cause = :cause, technical_cause = :technical_cause, seat = coalesce(:seat, seat), agent = coalesce(:agent, agent), flow = :flow, left_at = :left_at
WHERE rowid = :attempt;

-- name: clear_attempt_number
UPDATE attempt SET attempt_number = NULL WHERE rowid = :attempt;

-- name: is_callable
SELECT phone.opted_out_at IS NULL AND (:of_worker OR EXISTS (
    SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
    WHERE link.phone_id = :phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending'
))
FROM phone WHERE phone.phone_id = :phone_id;

-- name: end_target
UPDATE target SET state = :state, settled = :settled, due_at = coalesce(:due_at, due_at), attempts = attempts - :not_counted, promised = coalesce(:promised, promised)
WHERE rowid = :target;

-- name: is_on_number
SELECT EXISTS (SELECT 1 FROM link WHERE voter_id = :voter_id AND phone_id = :phone_id AND dropped_at IS NULL);

-- The voter's other numbers, where nobody else on them is pending, are not called before :until. With :held_until only
-- those that are held until then are changed, and they are called at :until.
-- name: block_other_numbers_of_voter
UPDATE target SET state = iif(state = 'closed', 'closed', 'due'), due_at = iif(:held_until IS NULL, max(due_at, :until), :until),
                  claimed_by = NULL, claimed_until = NULL
WHERE campaign_id = :campaign_id AND (state IN ('due', 'claimed') OR refused_by IS NOT NULL) AND (:held_until IS NULL OR due_at = :held_until) AND phone_id IN (
    SELECT own.phone_id FROM link AS own
    WHERE own.voter_id = :voter_id AND own.phone_id <> :phone_id AND own.dropped_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id AND voter.turnout = 'pending'
        WHERE link.phone_id = own.phone_id AND link.dropped_at IS NULL AND link.voter_id <> :voter_id
    )
);

-- Among the attempts opened last. All others ended more than a day before.
-- name: newest_event_at
SELECT max(max(created_at, coalesce(ended_at, 0)))
FROM attempt WHERE attempt.rowid > (SELECT max(latest.rowid) FROM attempt AS latest) - 1000;

-- name: unfinished
SELECT attempt_id, campaign_id, phone_id, coalesce(voter_id, 0) AS voter_id, coalesce(booth_id, 0) AS booth_id,
       coalesce(attempt_number, 0) AS attempt_number, trunk, created_at, answered_at, connected_at, seat, e164 AS number, direction,
       caller_id, worker_id IS NOT NULL AS of_worker, disposition, disposed_at, agent
FROM attempt CROSS JOIN phone USING (phone_id) LEFT JOIN voter USING (voter_id)
WHERE ended_at IS NULL ORDER BY created_at, attempt_id;

-- Among the attempts opened last: the last conversation at each seat whose agent is logged in.
-- name: conversations_without_disposition
SELECT attempt_id, campaign_id, phone_id, coalesce(voter_id, 0) AS voter_id, coalesce(booth_id, 0) AS booth_id,
       coalesce(attempt_number, 0) AS attempt_number, trunk, created_at, answered_at, max(connected_at) AS connected_at, attempt.seat,
       e164 AS number, direction, caller_id, worker_id IS NOT NULL AS of_worker, disposition, disposed_at, attempt.agent
FROM log_in CROSS JOIN attempt ON attempt.seat = log_in.seat AND attempt.agent = log_in.agent
CROSS JOIN phone USING (phone_id) LEFT JOIN voter USING (voter_id)
WHERE attempt.rowid > (SELECT max(latest.rowid) FROM attempt AS latest) - 1000
  AND connected_at IS NOT NULL AND coalesce(ended_at, :since) >= :since
GROUP BY attempt.seat HAVING disposition IS NULL;

-- Searches by time, for there is no index by attempt, and an open call began recently.
-- name: last_mark_of_attempt
SELECT kind, hour FROM mark WHERE at >= :since AND attempt_id = :attempt_id ORDER BY +mark_id DESC LIMIT 1;

-- name: screen_pop
SELECT attempt.phone_id, attempt.voter_id, voter.booth_id, attempt.lawful_id AS grounds, phone.opted_out_at IS NOT NULL AS opted_out
FROM attempt CROSS JOIN phone USING (phone_id) LEFT JOIN voter USING (voter_id) WHERE attempt.attempt_id = :attempt_id;

-- name: is_known
SELECT EXISTS (SELECT 1 FROM attempt WHERE attempt_id = :attempt_id);

-- name: open_attempt_on
SELECT attempt.attempt_id FROM phone JOIN attempt ON attempt.phone_id = phone.phone_id
WHERE phone.e164 = :number AND attempt.ended_at IS NULL;
