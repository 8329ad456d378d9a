-- Attempts: committed before they are dialled, ended once.

-- All that is asked again before a number is dialled, in one row.
-- name: gate
SELECT target.rowid, target.state, target.claimed_until, target.attempts,
       phone.opted_out_at IS NOT NULL OR EXISTS (SELECT 1 FROM opt_out WHERE opt_out.e164 = phone.e164),
       EXISTS (SELECT 1 FROM attempt WHERE attempt.phone_id = ?2 AND attempt.ended_at IS NULL) OR ?6 IS NULL AND EXISTS (
           SELECT 1 FROM attempt INDEXED BY attempt_open -- of the few that are under way
           WHERE attempt.ended_at IS NULL AND attempt.voter_id = ?3 AND attempt.worker_id IS NULL
       ),
       ?6 IS NOT NULL OR EXISTS (
           SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
           WHERE link.voter_id = ?3 AND link.phone_id = ?2 AND link.dropped_at IS NULL AND voter.turnout = 'pending'
       ),
       (
           SELECT count(*) FROM attempt
           WHERE attempt.phone_id = ?2 AND attempt.attempt_number IS NOT NULL AND attempt.created_at >= ?4
       ),
       (
           SELECT count(*) FROM attempt
           WHERE attempt.phone_id = ?2 AND attempt.created_at >= ?4
             AND (attempt.connected_at IS NOT NULL OR attempt.outcome = 'completed')
       ),
       EXISTS (SELECT 1 FROM attempt WHERE attempt.attempt_id = ?5),
       target.promised,
       (
           SELECT max(attempt.ended_at) FROM attempt
           WHERE attempt.phone_id = ?2 AND attempt.direction = 'outbound' AND attempt.outcome <> 'refused'
       ),
       (
           SELECT max(attempt.ended_at) FROM attempt
           WHERE attempt.phone_id = ?2 AND attempt.outcome <> 'machine'
             AND (attempt.connected_at IS NOT NULL OR attempt.outcome = 'completed')
       ),
       CASE WHEN target.promised THEN ( -- rung since it was asked for: by others, or by this campaign and not answered
           SELECT max(attempt.ended_at) FROM attempt
           WHERE attempt.phone_id = ?2 AND attempt.direction = 'outbound' AND attempt.outcome <> 'refused'
             AND (attempt.campaign_id <> ?1 OR attempt.ringing_at IS NOT NULL AND attempt.answered_at IS NULL)
             AND attempt.ended_at > coalesce((
                 SELECT max(asked.ended_at) FROM attempt AS asked
                 WHERE asked.phone_id = ?2 AND asked.campaign_id = ?1
                   AND (asked.answered_at IS NOT NULL OR asked.direction = 'inbound' OR asked.outcome = 'connected')
             ), 0)
       ) END
FROM target CROSS JOIN phone ON phone.phone_id = target.phone_id
WHERE target.campaign_id = ?1 AND target.phone_id = ?2;

-- name: somebody_pending
SELECT EXISTS (
    SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
    WHERE link.phone_id = ?1 AND link.dropped_at IS NULL AND voter.turnout = 'pending'
);

-- name: insert_attempt
INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at, worker_id,
                     lawful_id, gap_seconds)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- name: lawful_id
SELECT lawful_id FROM lawful WHERE digest = :digest;

-- name: insert_lawful
INSERT INTO lawful (digest, grounds) VALUES (:digest, :grounds);

-- name: insert_rules_version
INSERT INTO rules_version (digest, text, since) VALUES (:digest, :text, :since) ON CONFLICT (digest) DO NOTHING;

-- Other rules than the start before had.
-- name: use_rules
INSERT INTO rules_use (since, digest)
SELECT :since, :digest WHERE :digest IS NOT (SELECT digest FROM rules_use ORDER BY since DESC, rowid DESC LIMIT 1);

-- name: target_dialling
UPDATE target SET state = 'dialling', attempts = attempts + 1, claimed_by = NULL, claimed_until = NULL WHERE rowid = ?1;

-- name: target_capped
UPDATE target SET state = 'due', due_at = ?2, claimed_by = NULL, claimed_until = NULL WHERE rowid = ?1;

-- name: record_answer
UPDATE attempt SET answered_at = coalesce(answered_at, ?2) WHERE attempt_id = ?1 AND ended_at IS NULL;

-- name: record_connect
UPDATE attempt SET connected_at = coalesce(connected_at, ?2), seat = ?3, agent = ?4
WHERE attempt_id = ?1 AND ended_at IS NULL;

-- SELECT and UPDATE by rowid cost less than UPDATE ... RETURNING, and this runs for every call.
-- name: open_attempt
SELECT attempt.rowid, target.rowid, attempt.campaign_id, attempt.phone_id, attempt.worker_id IS NOT NULL, attempt.voter_id,
       attempt.disposition
FROM attempt CROSS JOIN target ON target.campaign_id = attempt.campaign_id AND target.phone_id = attempt.phone_id
WHERE attempt.attempt_id = ?1 AND attempt.ended_at IS NULL AND attempt.direction = 'outbound';

-- name: end_attempt
UPDATE attempt SET
    outcome = ?2, ended_at = ?3,
    ringing_at = coalesce(?4, ringing_at), answered_at = coalesce(?5, answered_at), connected_at = coalesce(?6, connected_at),
    cause = ?7, technical_cause = ?8, seat = coalesce(?9, seat), agent = coalesce(?10, agent), flow = ?11, left_at = ?12
WHERE rowid = ?1;

-- name: give_number_back
UPDATE attempt SET attempt_number = NULL WHERE rowid = ?1;

-- name: callable
SELECT phone.opted_out_at IS NULL AND (?2 OR EXISTS (
    SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
    WHERE link.phone_id = ?1 AND link.dropped_at IS NULL AND voter.turnout = 'pending'
))
FROM phone WHERE phone.phone_id = ?1;

-- name: target_after
UPDATE target SET state = ?2, settled = ?3, due_at = coalesce(?4, due_at), attempts = attempts - ?5, promised = coalesce(?6, promised)
WHERE rowid = ?1;

-- name: is_on_number
SELECT EXISTS (SELECT 1 FROM link WHERE voter_id = ?1 AND phone_id = ?2 AND dropped_at IS NULL);

-- The other numbers of a voter on which nobody else is pending are not called before ?4; where ?5 is no NULL, it is those alone that
-- are held until then, and they are called at ?4.
-- name: others_of_voter
UPDATE target SET state = 'due', due_at = iif(?5 IS NULL, max(due_at, ?4), ?4), claimed_by = NULL, claimed_until = NULL
WHERE campaign_id = ?1 AND state IN ('due', 'claimed') AND (?5 IS NULL OR due_at = ?5) AND phone_id IN (
    SELECT own.phone_id FROM link AS own
    WHERE own.voter_id = ?2 AND own.phone_id <> ?3 AND own.dropped_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id AND voter.turnout = 'pending'
        WHERE link.phone_id = own.phone_id AND link.dropped_at IS NULL AND link.voter_id <> ?2
    )
);

-- name: attempt_for_disposition
SELECT attempt.campaign_id, attempt.phone_id, attempt_number, disposition, disposed_at, worker_id IS NOT NULL, voter_id, ended_at,
       CASE target.state WHEN 'due' THEN target.due_at END
FROM attempt LEFT JOIN target ON target.campaign_id = attempt.campaign_id AND target.phone_id = attempt.phone_id
WHERE attempt_id = ?1;

-- An agent who met a machine says so: that is the outcome then, until the agent says otherwise.
-- name: set_disposition
UPDATE attempt SET disposition = ?2, disposed_at = ?3, agent = coalesce(?4, agent),
    outcome = CASE
        WHEN ended_at IS NULL THEN NULL
        WHEN ?2 = 'machine' THEN 'machine'
        WHEN outcome = 'machine' AND disposition = 'machine' THEN 'connected'
        ELSE outcome
    END
WHERE attempt_id = ?1;

-- What the agent of an earlier attempt says late does not touch a target that has been dialled again since. While the call
-- lasts, the target is being dialled too: the call's end says when it is due again.
-- name: target_disposed
UPDATE target SET state = ?4, settled = ?5, due_at = coalesce(?6, due_at), promised = ?7, claimed_by = NULL, claimed_until = NULL
WHERE campaign_id = ?1 AND phone_id = ?2 AND attempts = ?3 AND state <> 'dialling';

-- Of those opened last: the ends of all others are older than a day's.
-- name: newest_event
SELECT max(max(created_at, coalesce(ended_at, 0)))
FROM attempt WHERE attempt.rowid > (SELECT max(latest.rowid) FROM attempt AS latest) - 1000;

-- name: unfinished
SELECT attempt_id, campaign_id, phone_id, coalesce(voter_id, 0), coalesce(booth_id, 0), coalesce(attempt_number, 0), trunk,
       created_at, answered_at, connected_at, seat, e164, direction, caller_id, worker_id IS NOT NULL, disposition, disposed_at,
       agent
FROM attempt CROSS JOIN phone USING (phone_id) LEFT JOIN voter USING (voter_id)
WHERE ended_at IS NULL ORDER BY created_at, attempt_id;

-- Marks by time alone: no index knows their attempts, and a call is young.
-- name: last_mark_of_attempt
SELECT kind, hour FROM mark WHERE at >= ?2 AND attempt_id = ?1 ORDER BY +mark_id DESC LIMIT 1;
