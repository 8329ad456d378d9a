-- Claims: numbers taken from a campaign's queue under a lease.
--
-- CROSS JOIN fixes the order of the loops: along the partial index, never over a table. The claim statements read that
-- index only, and look up the phone and its open attempt for the rows that are taken. `waits_for_booth` is the booth on
-- whose polling day the call has to wait, where it may have to.

-- name: due
SELECT target.rowid AS target, target.phone_id, target.attempts, phone.e164, phone.opted_out_at IS NOT NULL AS opted_out, phone.consent,
       EXISTS (SELECT 1 FROM attempt WHERE attempt.phone_id = target.phone_id AND attempt.ended_at IS NULL) AS on_a_call,
       0 AS queue_booth_id, 1.0 AS weight, -- neither counts for a target whose time has come
       CASE :promised WHEN 0 THEN target.booth_id END AS waits_for_booth
FROM target INDEXED BY target_timed
CROSS JOIN phone ON phone.phone_id = target.phone_id
WHERE target.campaign_id = :campaign_id AND target.aside_until = 0 AND target.promised = :promised
  AND target.state = 'due' AND target.due_at > 0 AND target.due_at <= :now
ORDER BY target.due_at, target.phone_id;

-- name: set_aside
SELECT target.rowid AS target, target.phone_id, target.attempts, phone.e164, phone.opted_out_at IS NOT NULL AS opted_out, phone.consent,
       EXISTS (SELECT 1 FROM attempt WHERE attempt.phone_id = target.phone_id AND attempt.ended_at IS NULL) AS on_a_call,
       0 AS queue_booth_id, 1.0 AS weight, NULL AS waits_for_booth
FROM target INDEXED BY target_timed
CROSS JOIN phone ON phone.phone_id = target.phone_id
WHERE target.campaign_id = :campaign_id AND target.aside_until > 0 AND target.state = 'due' AND target.due_at > 0
ORDER BY target.aside_until, target.promised, target.due_at, target.phone_id;

-- name: fresh
SELECT target.rowid AS target, target.phone_id, target.attempts, phone.e164, phone.opted_out_at IS NOT NULL AS opted_out, phone.consent,
       EXISTS (SELECT 1 FROM attempt WHERE attempt.phone_id = target.phone_id AND attempt.ended_at IS NULL) AS on_a_call,
       target.booth_id AS queue_booth_id, -target.rank AS weight, NULL AS waits_for_booth
FROM target INDEXED BY target_fresh
CROSS JOIN phone ON phone.phone_id = target.phone_id
WHERE target.campaign_id = :campaign_id AND target.state = 'due' AND target.due_at = 0
ORDER BY target.booth_id, target.rank, target.shuffle, target.phone_id;

-- name: fresh_of_booth
SELECT target.rowid AS target, target.phone_id, target.attempts, phone.e164, phone.opted_out_at IS NOT NULL AS opted_out, phone.consent,
       EXISTS (SELECT 1 FROM attempt WHERE attempt.phone_id = target.phone_id AND attempt.ended_at IS NULL) AS on_a_call,
       target.booth_id AS queue_booth_id, -target.rank AS weight, NULL AS waits_for_booth
FROM target INDEXED BY target_fresh
CROSS JOIN phone ON phone.phone_id = target.phone_id
WHERE target.campaign_id = :campaign_id AND target.booth_id = :booth_id AND target.state = 'due' AND target.due_at = 0
ORDER BY target.rank, target.shuffle, target.phone_id;

-- name: number
SELECT target.rowid AS target, target.phone_id, target.attempts, phone.e164, phone.opted_out_at IS NOT NULL AS opted_out, phone.consent,
       EXISTS (SELECT 1 FROM attempt WHERE attempt.phone_id = target.phone_id AND attempt.ended_at IS NULL) AS on_a_call,
       iif(target.due_at = 0, target.booth_id, 0) AS queue_booth_id, iif(target.due_at = 0, -target.rank, 1.0) AS weight,
       NULL AS waits_for_booth
FROM target CROSS JOIN phone ON phone.phone_id = target.phone_id
WHERE target.campaign_id = :campaign_id AND target.phone_id = :phone_id AND target.promised = :promised;

-- An agent's own call-back is due at its own time, not at the target's.
-- name: listed_number
SELECT target.state, target.refused_by, target.promised, coalesce(
           (SELECT own.at FROM own_call_back AS own
            WHERE own.campaign_id = target.campaign_id AND own.phone_id = target.phone_id AND own.until = target.due_at),
           target.due_at
       ) AS due_at,
       phone.opted_out_at IS NOT NULL OR EXISTS (SELECT 1 FROM opt_out WHERE opt_out.e164 = phone.e164) AS opted_out
FROM target CROSS JOIN phone USING (phone_id) WHERE target.campaign_id = :campaign_id AND target.phone_id = :phone_id;

-- With min() SQLite takes the other columns from the row with the minimum. No row: nobody is pending.
-- name: pending_on_phone
SELECT min(voter.voter_id) AS voter_id, count(*) AS pending_voters, CASE voter.language WHEN '' THEN booth.language ELSE voter.language END AS language,
       voter.booth_id
FROM link
CROSS JOIN voter ON voter.voter_id = link.voter_id AND voter.turnout = 'pending'
CROSS JOIN booth ON booth.booth_id = voter.booth_id
WHERE link.phone_id = :phone_id AND link.dropped_at IS NULL
GROUP BY link.phone_id;

-- name: claim_target
UPDATE target SET state = 'claimed', claimed_by = :owner, claimed_until = :until WHERE rowid = :target;

-- name: set_target_aside
UPDATE target SET aside_until = :until WHERE rowid = :target;

-- name: end_expired_asides
UPDATE target SET aside_until = 0
WHERE campaign_id = :campaign_id AND aside_until > 0 AND aside_until <= :now AND state = 'due' AND due_at > 0;

-- Ends all of them, whatever their polling day: after a restart the settings may name another day.
-- name: end_all_asides
UPDATE target SET aside_until = 0
WHERE campaign_id IN (SELECT campaign_id FROM campaign) AND aside_until > 0 AND state = 'due' AND due_at > 0;

-- The number of attempts tells this claim from a later one.
-- name: release
UPDATE target SET state = 'due', claimed_by = NULL, claimed_until = NULL
WHERE campaign_id = :campaign_id AND phone_id = :phone_id AND state = 'claimed' AND attempts = :attempts;

-- name: postpone
UPDATE target SET state = 'due', due_at = :due_at, claimed_by = NULL, claimed_until = NULL
WHERE campaign_id = :campaign_id AND phone_id = :phone_id AND state = 'claimed' AND attempts = :attempts;

-- The target keeps its place in the queue for the time when it may be called.
-- name: refuse
UPDATE target SET state = 'closed', settled = 0, refused_by = :reason, claimed_by = NULL, claimed_until = NULL
WHERE campaign_id = :campaign_id AND phone_id = :phone_id AND state = 'claimed' AND attempts = :attempts;

-- name: release_refused
UPDATE target SET state = 'due'
WHERE rowid IN (SELECT rowid FROM target WHERE campaign_id = :campaign_id AND refused_by IS NOT NULL LIMIT :most);

-- name: release_expired
UPDATE target SET state = 'due', claimed_by = NULL, claimed_until = NULL WHERE state = 'claimed' AND claimed_until <= :now;

-- name: release_owned
UPDATE target SET state = 'due', claimed_by = NULL, claimed_until = NULL
WHERE state = 'claimed' AND claimed_by = :owner;
