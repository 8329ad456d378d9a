-- Inbound calls.

-- The voter with the number: one who is pending before one who is not.
-- name: caller
SELECT phone.phone_id, voter.voter_id, voter.booth_id, CASE voter.language WHEN '' THEN booth.language ELSE voter.language END AS language,
       phone.opted_out_at IS NOT NULL AS opted_out
FROM phone
CROSS JOIN link ON link.phone_id = phone.phone_id AND link.dropped_at IS NULL
CROSS JOIN voter ON voter.voter_id = link.voter_id
CROSS JOIN booth ON booth.booth_id = voter.booth_id
WHERE phone.e164 = :number
ORDER BY voter.turnout <> 'pending', voter.voter_id
LIMIT 1;

-- name: pending_count
SELECT count(*) FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
WHERE link.phone_id = :phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending';

-- name: insert_attempt
INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, trunk, caller_id, created_at, ended_at, outcome, direction, lawful_id)
VALUES (:attempt_id, :campaign_id, :phone_id, :voter_id, :trunk, :called, :at, :ended_at, :outcome, 'inbound', :lawful_id)
ON CONFLICT (attempt_id) DO NOTHING;

-- name: insert_call
INSERT INTO inbound_call (at, called, e164, mode, campaign_id, attempt_id, call_back)
VALUES (:at, :called, :number, :mode, :campaign_id, :attempt_of_call, :call_back);

-- A closed number is opened again, for its owner asks to be called. A claimed one is dialled soon, or goes back and is
-- due then.
-- name: schedule_call_back
UPDATE target SET state = CASE state WHEN 'claimed' THEN 'claimed' ELSE 'due' END, due_at = :due_at, promised = 1
WHERE campaign_id = :campaign_id AND phone_id = :phone_id AND state IN ('due', 'closed', 'claimed');

-- Closed targets stay closed.
-- name: postpone_call
UPDATE target SET due_at = :due_at, promised = :promised WHERE campaign_id = :campaign_id AND phone_id = :phone_id AND state = 'due';

-- name: open_inbound
SELECT rowid AS attempt, campaign_id, phone_id FROM attempt WHERE attempt_id = :attempt_id AND ended_at IS NULL AND direction = 'inbound';
