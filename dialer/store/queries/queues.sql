-- Campaigns and their queues. A target is one number in one campaign.

-- name: ensure_campaign
INSERT INTO campaign (campaign_id, kind, purpose, shuffle_seed, state)
SELECT
    :campaign_id, :kind, :purpose,
    CASE seed WHEN 0 THEN 0 ELSE 1 + (seed + 7919 * (SELECT count(*) FROM campaign)) % 2147483646 END,
    CASE WHEN EXISTS (SELECT 1 FROM standing_order WHERE addressee = 'centre' AND command = 'stop-all') THEN 'stopped' ELSE 'running' END
FROM shuffle
WHERE true
ON CONFLICT (campaign_id) DO UPDATE SET kind = :kind, purpose = :purpose
RETURNING state;

-- name: set_campaign_state
UPDATE campaign SET state = :state WHERE campaign_id = :campaign_id;

-- name: stop_campaigns
UPDATE campaign SET state = 'stopped' RETURNING campaign_id;

-- name: all_stand
INSERT INTO standing_order (addressee, command, content, at) VALUES ('centre', 'stop-all', '{}', :at)
ON CONFLICT (addressee, command) DO UPDATE SET at = :at;

-- name: not_all_stand
DELETE FROM standing_order WHERE addressee = 'centre' AND command = 'stop-all';

-- A number's rank is the weight of the voters who are pending on it, negated: the highest first within a booth, those alike in an order
-- of the campaign's own. A number of several booths belongs to its first voter's. They are inserted in the order in which they will be claimed, so that claims
-- walk over neighbouring rows of this table.
-- A number whose call may have been one, nobody knows, is closed in every campaign, and comes into no later one either.
-- One that was closed because nobody on it was pending is opened again: a later roll has brought somebody.
-- name: enrol
INSERT INTO target (campaign_id, phone_id, booth_id, rank, shuffle)
SELECT :campaign_id, phone_id, booth_id, -weight AS rank, (
    SELECT shuffled.shuffle FROM shuffled WHERE shuffled.campaign_id = :campaign_id AND shuffled.phone_id = known.phone_id
) AS shuffle
FROM (
    SELECT phone.phone_id, voter.booth_id, min(voter.voter_id), sum(voter.weight) AS weight
    FROM phone
    CROSS JOIN link ON link.phone_id = phone.phone_id AND link.dropped_at IS NULL
    CROSS JOIN voter ON voter.voter_id = link.voter_id AND voter.turnout = 'pending'
    WHERE phone.phone_id BETWEEN :first AND :last AND phone.opted_out_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM attempt
        WHERE attempt.phone_id = phone.phone_id AND attempt.outcome = 'unknown' AND attempt.direction = 'outbound'
          AND attempt.attempt_id NOT IN (SELECT attempt_id FROM released_unknown)
    )
    GROUP BY phone.phone_id
) AS known
WHERE true
ORDER BY booth_id, rank, shuffle, phone_id
ON CONFLICT (campaign_id, phone_id) DO UPDATE
SET state = 'due', settled = 0, booth_id = excluded.booth_id, rank = excluded.rank,
    due_at = CASE target.attempts WHEN 0 THEN target.due_at ELSE max(target.due_at, 1.0) END
WHERE target.state = 'closed' AND target.settled = 1;

-- name: purpose
SELECT purpose FROM campaign WHERE campaign_id = :campaign_id;

-- Of a campaign that calls booth workers: every worker of the list, in the queue of the first of their booths.
-- name: enrol_workers
INSERT INTO target (campaign_id, phone_id, booth_id, shuffle)
SELECT :campaign_id, worker.phone_id, min(worker_booth.booth_id), (
    SELECT shuffled.shuffle FROM shuffled WHERE shuffled.campaign_id = :campaign_id AND shuffled.phone_id = worker.phone_id
)
FROM worker
CROSS JOIN phone ON phone.phone_id = worker.phone_id AND phone.opted_out_at IS NULL
CROSS JOIN worker_booth ON worker_booth.worker_id = worker.worker_id
WHERE NOT worker.gone AND NOT EXISTS (
    SELECT 1 FROM attempt
    WHERE attempt.phone_id = worker.phone_id AND attempt.outcome = 'unknown' AND attempt.direction = 'outbound'
      AND attempt.attempt_id NOT IN (SELECT attempt_id FROM released_unknown)
)
GROUP BY worker.worker_id
ON CONFLICT (campaign_id, phone_id) DO NOTHING;

-- A later list may have sent a worker to another booth.
-- name: place_workers
UPDATE target SET booth_id = (
    SELECT min(worker_booth.booth_id)
    FROM worker CROSS JOIN worker_booth ON worker_booth.worker_id = worker.worker_id
    WHERE worker.phone_id = target.phone_id
)
WHERE campaign_id = :campaign_id AND phone_id IN (SELECT phone_id FROM worker);

-- name: worker_on_phone
SELECT worker.worker_id, CASE worker.language WHEN '' THEN booth.language ELSE worker.language END AS language, booth.booth_id
FROM worker
CROSS JOIN worker_booth ON worker_booth.worker_id = worker.worker_id
CROSS JOIN booth ON booth.booth_id = worker_booth.booth_id
WHERE worker.phone_id = :phone_id AND NOT worker.gone
ORDER BY booth.booth_id;

-- name: close_target
UPDATE target SET state = 'closed', claimed_by = NULL, claimed_until = NULL WHERE rowid = :target;

-- CROSS JOIN fixes the order of the loops: along the partial index, never over a table. Both read that index alone, and
-- look up the phone and its open attempt for as many rows as are taken.
-- name: claim_timed
SELECT target.rowid AS target, target.phone_id, target.attempts, phone.e164, phone.opted_out_at IS NOT NULL AS opted_out, phone.consent,
       EXISTS (SELECT 1 FROM attempt WHERE attempt.phone_id = target.phone_id AND attempt.ended_at IS NULL) AS on_a_call,
       0 AS queue_booth_id, 1.0 AS weight, -- which booth's turn it is and what it weighs do not count once its time has come
       CASE :promised WHEN 0 THEN target.booth_id END AS waits -- whose day it may have to wait for
FROM target INDEXED BY target_timed
CROSS JOIN phone ON phone.phone_id = target.phone_id
WHERE target.campaign_id = :campaign_id AND target.aside_until = 0 AND target.promised = :promised
  AND target.state = 'due' AND target.due_at > 0 AND target.due_at <= :now
ORDER BY target.due_at, target.phone_id;

-- name: claim_aside
SELECT target.rowid AS target, target.phone_id, target.attempts, phone.e164, phone.opted_out_at IS NOT NULL AS opted_out, phone.consent,
       EXISTS (SELECT 1 FROM attempt WHERE attempt.phone_id = target.phone_id AND attempt.ended_at IS NULL) AS on_a_call,
       0 AS queue_booth_id, 1.0 AS weight, NULL AS waits
FROM target INDEXED BY target_timed
CROSS JOIN phone ON phone.phone_id = target.phone_id
WHERE target.campaign_id = :campaign_id AND target.aside_until > 0 AND target.state = 'due' AND target.due_at > 0
ORDER BY target.aside_until, target.promised, target.due_at, target.phone_id;

-- name: stand_aside
UPDATE target SET aside_until = :until WHERE rowid = :target;

-- name: aside_no_more
UPDATE target SET aside_until = 0
WHERE campaign_id = :campaign_id AND aside_until > 0 AND aside_until <= :now AND state = 'due' AND due_at > 0;

-- Whatever their day: the settings may know of another one.
-- name: none_aside
UPDATE target SET aside_until = 0
WHERE campaign_id IN (SELECT campaign_id FROM campaign) AND aside_until > 0 AND state = 'due' AND due_at > 0;

-- name: claim_fresh
SELECT target.rowid AS target, target.phone_id, target.attempts, phone.e164, phone.opted_out_at IS NOT NULL AS opted_out, phone.consent,
       EXISTS (SELECT 1 FROM attempt WHERE attempt.phone_id = target.phone_id AND attempt.ended_at IS NULL) AS on_a_call,
       target.booth_id AS queue_booth_id, -target.rank AS weight, NULL AS waits
FROM target INDEXED BY target_fresh
CROSS JOIN phone ON phone.phone_id = target.phone_id
WHERE target.campaign_id = :campaign_id AND target.state = 'due' AND target.due_at = 0
ORDER BY target.booth_id, target.rank, target.shuffle, target.phone_id;

-- name: claim_fresh_of_booth
SELECT target.rowid AS target, target.phone_id, target.attempts, phone.e164, phone.opted_out_at IS NOT NULL AS opted_out, phone.consent,
       EXISTS (SELECT 1 FROM attempt WHERE attempt.phone_id = target.phone_id AND attempt.ended_at IS NULL) AS on_a_call,
       target.booth_id AS queue_booth_id, -target.rank AS weight, NULL AS waits
FROM target INDEXED BY target_fresh
CROSS JOIN phone ON phone.phone_id = target.phone_id
WHERE target.campaign_id = :campaign_id AND target.booth_id = :booth_id AND target.state = 'due' AND target.due_at = 0
ORDER BY target.rank, target.shuffle, target.phone_id;

-- name: listed_number
SELECT target.state, target.promised, coalesce(
           (SELECT own.at FROM own_call_back AS own
            WHERE own.campaign_id = target.campaign_id AND own.phone_id = target.phone_id AND own.until = target.due_at),
           target.due_at
       ) AS due_at, -- an agent's own call-back is due at its hour
       phone.opted_out_at IS NOT NULL OR EXISTS (SELECT 1 FROM opt_out WHERE opt_out.e164 = phone.e164) AS opted_out
FROM target CROSS JOIN phone USING (phone_id) WHERE target.campaign_id = :campaign_id AND target.phone_id = :phone_id;

-- name: claim_number
SELECT target.rowid AS target, target.phone_id, target.attempts, phone.e164, phone.opted_out_at IS NOT NULL AS opted_out, phone.consent,
       EXISTS (SELECT 1 FROM attempt WHERE attempt.phone_id = target.phone_id AND attempt.ended_at IS NULL) AS on_a_call,
       iif(target.due_at = 0, target.booth_id, 0) AS queue_booth_id, iif(target.due_at = 0, -target.rank, 1.0) AS weight, NULL AS waits
FROM target CROSS JOIN phone ON phone.phone_id = target.phone_id
WHERE target.campaign_id = :campaign_id AND target.phone_id = :phone_id AND target.promised = :promised;

-- With min() SQLite takes the other columns from the row that has the minimum. No row: nobody is pending.
-- name: pending_on_phone
SELECT min(voter.voter_id) AS voter_id, count(*) AS pending_voters, CASE voter.language WHEN '' THEN booth.language ELSE voter.language END AS language,
       voter.booth_id
FROM link
CROSS JOIN voter ON voter.voter_id = link.voter_id AND voter.turnout = 'pending'
CROSS JOIN booth ON booth.booth_id = voter.booth_id
WHERE link.phone_id = :phone_id AND link.dropped_at IS NULL
GROUP BY link.phone_id;

-- What the rules must know of a number: attempts and conversations since :day_start in all campaigns, the last abandoned call, and when the
-- last call to it and the last conversation ended. One walk along the number's attempts.
-- name: earlier_calls
SELECT count(*) FILTER (WHERE attempt_number IS NOT NULL AND created_at >= :day_start) AS attempts,
       count(*) FILTER (WHERE created_at >= :day_start AND (connected_at IS NOT NULL OR outcome = 'completed')) AS conversations,
       max(ended_at) FILTER (WHERE outcome = 'abandoned' AND direction = 'outbound') AS abandoned_at,
       max(ended_at) FILTER (WHERE direction = 'outbound' AND outcome <> 'refused') AS called_at,
       max(ended_at) FILTER (WHERE outcome <> 'machine' AND (connected_at IS NOT NULL OR outcome = 'completed')) AS talked_at
FROM attempt WHERE phone_id = :phone_id;

-- name: campaigns_of
SELECT campaign_id FROM target WHERE phone_id = :phone_id;

-- name: registers_of
SELECT register FROM registered WHERE e164 = :number ORDER BY register;

-- name: take
UPDATE target SET state = 'claimed', claimed_by = :owner, claimed_until = :until WHERE rowid = :target;

-- Only a claim that is still this one: the attempts tell it from a later claim.
-- name: put_back
UPDATE target SET state = 'due', claimed_by = NULL, claimed_until = NULL
WHERE campaign_id = :campaign_id AND phone_id = :phone_id AND state = 'claimed' AND attempts = :attempts;

-- name: postpone
UPDATE target SET state = 'due', due_at = :due_at, claimed_by = NULL, claimed_until = NULL
WHERE campaign_id = :campaign_id AND phone_id = :phone_id AND state = 'claimed' AND attempts = :attempts;

-- name: put_back_overdue
UPDATE target SET state = 'due', claimed_by = NULL, claimed_until = NULL WHERE state = 'claimed' AND claimed_until <= :now;

-- name: put_back_owned
UPDATE target SET state = 'due', claimed_by = NULL, claimed_until = NULL
WHERE state = 'claimed' AND claimed_by = :owner;

-- Nobody on the number is to be called any more; a booth worker on it still is, as a worker.
-- name: close_voters
UPDATE target SET state = 'closed', settled = :settled, claimed_by = NULL, claimed_until = NULL
WHERE phone_id = :phone_id AND state IN ('due', 'claimed')
  AND campaign_id NOT IN (SELECT campaign_id FROM campaign WHERE purpose = 'booth-workers');

-- What is being dialled is closed when its attempt ends.
-- name: close_phone
UPDATE target SET state = 'closed', settled = :settled, claimed_by = NULL, claimed_until = NULL
WHERE phone_id = :phone_id AND state IN ('due', 'claimed');

-- A voter who is pending again: the numbers come into every campaign in which they have no place yet, as `enrol` would have brought
-- them, and are opened where they were closed because nobody on them was pending. Booth workers are enrolled from their list alone.
-- name: reopen
INSERT INTO target (campaign_id, phone_id, booth_id, rank, shuffle)
SELECT campaign.campaign_id, known.phone_id, known.booth_id, -known.weight, (
    SELECT shuffled.shuffle FROM shuffled
    WHERE shuffled.campaign_id = campaign.campaign_id AND shuffled.phone_id = known.phone_id
)
FROM (
    SELECT own.phone_id, voter.booth_id, min(voter.voter_id), sum(voter.weight) AS weight
    FROM link AS own
    CROSS JOIN phone ON phone.phone_id = own.phone_id AND phone.opted_out_at IS NULL
    CROSS JOIN link ON link.phone_id = own.phone_id AND link.dropped_at IS NULL
    CROSS JOIN voter ON voter.voter_id = link.voter_id AND voter.turnout = 'pending'
    WHERE own.voter_id = :voter_id AND own.dropped_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM attempt
        WHERE attempt.phone_id = own.phone_id AND attempt.outcome = 'unknown' AND attempt.direction = 'outbound'
          AND attempt.attempt_id NOT IN (SELECT attempt_id FROM released_unknown)
    )
    GROUP BY own.phone_id
) AS known
CROSS JOIN campaign ON campaign.purpose <> 'booth-workers'
WHERE true
ON CONFLICT (campaign_id, phone_id) DO UPDATE
SET state = 'due', settled = 0, due_at = CASE target.attempts WHEN 0 THEN target.due_at ELSE max(target.due_at, :at) END
WHERE target.state = 'closed' AND target.settled = 1;

-- Attempts of which nobody knows whether they were calls, and which no person has released.
-- name: unknown
SELECT attempt.attempt_id, attempt.campaign_id, phone.e164 AS number, attempt.created_at, attempt.ended_at, attempt.trunk
FROM attempt INDEXED BY attempt_unknown CROSS JOIN phone USING (phone_id)
WHERE attempt.outcome = 'unknown' AND attempt.direction = 'outbound'
  AND attempt.attempt_id NOT IN (SELECT attempt_id FROM released_unknown)
ORDER BY attempt.created_at, attempt.attempt_id;

-- name: unknown_phone
SELECT phone_id FROM attempt
WHERE attempt_id = :attempt_id AND outcome = 'unknown' AND direction = 'outbound'
  AND attempt_id NOT IN (SELECT attempt_id FROM released_unknown);

-- name: release_unknown
INSERT INTO released_unknown (attempt_id, at, who, reason) VALUES (:attempt_id, :at, :who, :reason);

-- Opens what the attempt had closed, but for a number that has opted out, or of which there is another such attempt. Where nobody on it
-- is pending it stays closed, and a correction opens it.
-- name: reopen_released
UPDATE target SET
    state = iif(callable, 'due', 'closed'), settled = iif(callable, 0, 1), due_at = iif(target.attempts = 0, target.due_at, max(target.due_at, 1.0))
FROM (
    SELECT EXISTS (
        SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
        WHERE link.phone_id = :phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending'
    ) OR EXISTS (SELECT 1 FROM worker WHERE worker.phone_id = :phone_id AND NOT worker.gone) AS callable
)
WHERE target.phone_id = :phone_id AND target.state = 'closed' AND target.settled = 2
  AND EXISTS (SELECT 1 FROM phone WHERE phone.phone_id = :phone_id AND phone.opted_out_at IS NULL)
  AND NOT EXISTS (
      SELECT 1 FROM attempt
      WHERE attempt.phone_id = :phone_id AND attempt.outcome = 'unknown' AND attempt.direction = 'outbound'
        AND attempt.attempt_id NOT IN (SELECT attempt_id FROM released_unknown)
  );

-- name: forget_own_call_backs
DELETE FROM own_call_back WHERE campaign_id = :campaign_id AND phone_id = :phone_id OR until <= :now;

-- name: keep_own_call_back
INSERT INTO own_call_back (campaign_id, phone_id, agent, attempt_id, at, until)
VALUES (:campaign_id, :phone_id, :agent, :attempt_id, :at, :until);

-- name: own_call_backs
SELECT campaign_id, phone_id, agent, attempt_id, at, until FROM own_call_back WHERE until > :now ORDER BY at, campaign_id, phone_id;

-- name: first_due
SELECT campaign_id, min(due_at) FROM target WHERE state <> 'closed' GROUP BY campaign_id;

-- What headquarters orders of campaigns.

-- name: heard_orders
SELECT order_id, digest, kind, made_at FROM headquarters_order ORDER BY made_at;

-- name: standing_stops
SELECT order_id, stopped FROM headquarters_order WHERE kind = 'stop-all' AND lifted_at IS NULL ORDER BY made_at;

-- name: stays_as_it_is
UPDATE headquarters_order SET stopped = json_remove(stopped, :path) WHERE kind = 'stop-all' AND lifted_at IS NULL;

-- name: all_stay_stopped
UPDATE headquarters_order SET stopped = '{}' WHERE kind = 'stop-all' AND lifted_at IS NULL;

-- name: keep_headquarters_order
INSERT INTO headquarters_order (order_id, digest, kind, made_at, stopped) VALUES (:order_id, :digest, :kind, :made_at, :stopped)
ON CONFLICT (order_id) DO NOTHING;

-- name: lift_stops
UPDATE headquarters_order SET lifted_at = :at WHERE kind = 'stop-all' AND lifted_at IS NULL;

-- name: forget_headquarters_orders
DELETE FROM headquarters_order WHERE made_at < :before AND (kind <> 'stop-all' OR lifted_at IS NOT NULL);
