-- Data that an agent's page shows.

-- A call, the last four digits of its number, and the booth of the voter or booth worker whom it addresses.
-- name: call
SELECT attempt.attempt_id, attempt.campaign_id, attempt.phone_id, attempt.voter_id, attempt.worker_id IS NOT NULL AS of_worker,
       attempt.attempt_number, attempt.direction, attempt.gap_seconds, substr(phone.e164, -4) AS last_digits, lawful.grounds,
       phone.opted_out_at IS NOT NULL AS opted_out, coalesce(voter.booth_id, attempt.worker_booth_id) AS booth_id,
       coalesce(nullif(voter.language, ''), nullif(worker.language, ''), nullif(booth.language, ''), '') AS language
FROM attempt CROSS JOIN phone USING (phone_id) LEFT JOIN voter USING (voter_id) LEFT JOIN worker USING (worker_id)
LEFT JOIN booth ON booth.booth_id = coalesce(voter.booth_id, attempt.worker_booth_id)
LEFT JOIN lawful ON lawful.lawful_id = attempt.lawful_id
WHERE attempt.attempt_id = :attempt_id;

-- name: voters
SELECT voter.voter_id, name, name_local, relation, relation_name, age, sex, house, serial, turnout
FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
WHERE link.phone_id = :phone_id AND link.dropped_at IS NULL ORDER BY booth_id, serial;

-- Marks of the number's voters, without undone marks and the marks that undid them.
-- name: marks
SELECT mark.voter_id, mark.at, mark.kind, mark.source, mark.hour
FROM link CROSS JOIN mark ON mark.voter_id = link.voter_id
WHERE link.phone_id = :phone_id AND link.dropped_at IS NULL AND mark.undoes IS NULL
  AND NOT EXISTS (SELECT 1 FROM mark AS later WHERE later.voter_id = mark.voter_id AND later.undoes = mark.key)
ORDER BY mark.voter_id, mark.at, mark.mark_id;

-- name: earlier_calls
SELECT created_at, campaign_id, outcome, disposition FROM attempt
WHERE phone_id = :phone_id AND attempt_id <> :attempt_id AND outcome <> 'refused' ORDER BY created_at DESC LIMIT :most;

-- name: booth
SELECT booth_id, name, name_local, constituency_name, constituency_number, part_number, closes_at FROM booth WHERE booth_id = :booth_id;

-- name: targets_of_number
SELECT campaign_id, phone_id FROM phone CROSS JOIN target USING (phone_id) WHERE phone.e164 = :number;

-- name: call_of
SELECT phone_id, seat, agent, ended_at, campaign_id, created_at FROM attempt WHERE attempt_id = :attempt_id;

-- Ended calls of agents since :since.
-- name: calls_of_agents
SELECT attempt.agent, coalesce(attempt.disposition, '') AS disposition, count(*) AS calls
FROM campaign CROSS JOIN attempt INDEXED BY attempt_ended ON attempt.campaign_id = campaign.campaign_id
    AND attempt.direction IN ('outbound', 'inbound') AND attempt.created_at >= :since AND attempt.outcome IN ('connected', 'machine')
WHERE attempt.agent IS NOT NULL AND attempt.connected_at IS NOT NULL
GROUP BY attempt.agent, disposition;

-- name: seconds_of_agents
SELECT agent, state, total(until_at - from_at) AS seconds FROM seat_interval
WHERE from_at >= :since AND agent IS NOT NULL GROUP BY agent, state;

-- name: marks_of_agents
SELECT agent, kind, count(*) AS marks FROM mark INDEXED BY mark_by_time
WHERE at >= :since AND agent IS NOT NULL AND source = 'agent' AND undoes IS NULL
  AND NOT EXISTS (SELECT 1 FROM mark AS later WHERE later.voter_id = mark.voter_id AND later.undoes = mark.key)
GROUP BY agent, kind;

-- Agents' own call-backs for a time before :before that were not made yet, with the voter whom each would address.
-- name: own_call_backs
SELECT own.agent, own.at, own.until, own.campaign_id, substr(phone.e164, -4) AS last_digits, voter.name, voter.name_local
FROM own_call_back AS own
CROSS JOIN target ON target.campaign_id = own.campaign_id AND target.phone_id = own.phone_id AND target.due_at = own.until
CROSS JOIN phone ON phone.phone_id = own.phone_id
LEFT JOIN voter ON voter.voter_id = (
    SELECT min(pending.voter_id) FROM link CROSS JOIN voter AS pending ON pending.voter_id = link.voter_id AND pending.turnout = 'pending'
    WHERE link.phone_id = own.phone_id AND link.dropped_at IS NULL
)
WHERE target.state IN ('due', 'claimed') AND own.at < :before AND own.until > :now
ORDER BY own.at, own.phone_id;
