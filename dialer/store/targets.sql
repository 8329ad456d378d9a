-- Targets. A target is one number in one campaign's queue.
--
-- `rank` is the negated weight of the number's pending voters: within a booth the heaviest number comes first, equal
-- ones in the campaign's own shuffled order. A number with voters of several booths is in the queue of its first
-- voter's booth. `settled` says why a target is closed: 1 nobody on the number is pending; 2 an attempt of unknown
-- result; 3 the wrong number of its last pending voter; 0 any other reason. A number with an unreleased attempt of
-- unknown result enters no campaign's queue.

-- Rows are inserted in the order in which they will be claimed, so that claims read neighbouring rows.
-- At most starts every number is in the queue already, which the index alone tells.
-- A target that was closed because nobody was pending is opened again where a later roll brought a pending voter.
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
    WHERE phone.phone_id BETWEEN :first AND :last AND phone.opted_out_at IS NULL AND (
        NOT EXISTS (
            SELECT 1 FROM target AS queued
            WHERE queued.campaign_id = :campaign_id AND queued.phone_id = phone.phone_id
        ) OR phone.phone_id IN (
            SELECT phone_id FROM target WHERE campaign_id = :campaign_id AND state = 'closed' AND settled = 1
        )
    ) AND NOT EXISTS (
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

-- In a campaign that calls booth workers: all workers on the list, each in the queue of the first of their booths.
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

-- A later list may have moved a worker to another booth.
-- name: update_worker_booths
UPDATE target SET booth_id = (
    SELECT min(worker_booth.booth_id)
    FROM worker CROSS JOIN worker_booth ON worker_booth.worker_id = worker.worker_id
    WHERE worker.phone_id = target.phone_id
)
WHERE campaign_id = :campaign_id AND phone_id IN (SELECT phone_id FROM worker);

-- Booth workers on the number can still be called, as workers.
-- name: close_for_voters
UPDATE target SET state = 'closed', settled = :settled, claimed_by = NULL, claimed_until = NULL
WHERE phone_id = :phone_id AND state IN ('due', 'claimed')
  AND campaign_id NOT IN (SELECT campaign_id FROM campaign WHERE purpose = 'booth-workers');

-- A target that is being dialled is closed when its attempt ends.
-- name: close_phone
UPDATE target SET state = 'closed', settled = :settled, refused_by = NULL, claimed_by = NULL, claimed_until = NULL
WHERE phone_id = :phone_id AND (state IN ('due', 'claimed') OR refused_by IS NOT NULL);

-- name: close_number_in_queue
UPDATE target SET state = 'closed', claimed_by = NULL, claimed_until = NULL WHERE rowid = :target;

-- For a voter who is pending again: the voter's numbers enter every campaign that does not have them yet, as `add_roll_numbers_to_queue`
-- would add them, and targets that were closed because nobody was pending are opened. Booth workers are enrolled from
-- their list only.
-- name: reopen_for_voter
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

-- name: reopen_wrong_number
UPDATE target SET state = 'due', settled = 0, due_at = iif(target.attempts = 0, target.due_at, max(target.due_at, :at))
WHERE phone_id = :phone_id AND state = 'closed' AND settled = :settled
  AND EXISTS (SELECT 1 FROM phone WHERE phone.phone_id = :phone_id AND phone.opted_out_at IS NULL);

-- name: postpone_number_in_queue
UPDATE target SET state = 'due', due_at = :due_at, claimed_by = NULL, claimed_until = NULL WHERE rowid = :target;

-- name: campaigns_with_phone
SELECT campaign_id FROM target WHERE phone_id = :phone_id;

-- name: first_due
SELECT campaign_id, min(due_at) AS due_at FROM target WHERE state <> 'closed' GROUP BY campaign_id;

-- name: has_fresh
SELECT EXISTS (SELECT 1 FROM target WHERE campaign_id = :campaign_id AND state = 'due' AND due_at = 0);

-- name: next_timed
SELECT min(due_at) FROM (
    SELECT min(due_at) AS due_at FROM target
    WHERE campaign_id = :campaign_id AND aside_until = 0 AND promised = 0 AND state = 'due' AND due_at > 0
    UNION ALL
    SELECT min(due_at) FROM target WHERE campaign_id = :campaign_id AND aside_until = 0 AND promised = 1 AND state = 'due' AND due_at > 0
    UNION ALL
    SELECT due_at FROM ( -- of those that are set aside, which are all due
        SELECT due_at FROM target WHERE campaign_id = :campaign_id AND aside_until > 0 AND state = 'due' AND due_at > 0
        ORDER BY aside_until, promised, due_at LIMIT 1
    )
);
