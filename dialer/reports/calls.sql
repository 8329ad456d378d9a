-- Calls one by one, the newest first. The rows of `attempt` are in the order in which calls were placed, and `place` is the
-- position in this order: a page begins below the last place of the page before it.

-- name: newest_calls
SELECT attempt.created_at, attempt.answered_at, attempt.ended_at, attempt.attempt_id, attempt.campaign_id, attempt.direction,
       attempt.phone_id, attempt.trunk, attempt.caller_id, coalesce(attempt.outcome, 'live') AS outcome_or_live,
       coalesce(attempt.disposition, '') AS disposition_or_none, coalesce(attempt.seat, '') AS call_seat, coalesce(attempt.agent, '') AS call_agent,
       attempt.gap_seconds, lawful.grounds, attempt.voter_id, attempt.rowid AS place,
       EXISTS (SELECT 1 FROM recording WHERE recording.attempt_id = attempt.attempt_id) AS is_recorded
FROM attempt LEFT JOIN lawful ON lawful.lawful_id = attempt.lawful_id
WHERE attempt.rowid < :before AND attempt.created_at >= :since AND attempt.created_at < :until
  AND (:campaign IS NULL OR attempt.campaign_id = :campaign) AND (:agent IS NULL OR attempt.agent = :agent)
  AND (:outcome IS NULL OR coalesce(attempt.outcome, 'live') = :outcome) AND (:disposition IS NULL OR attempt.disposition = :disposition)
  AND (:voter IS NULL OR attempt.voter_id = :voter)
ORDER BY attempt.rowid DESC LIMIT :most;

-- The same for one number, by the index of its attempts.
-- name: newest_calls_of_number
SELECT attempt.created_at, attempt.answered_at, attempt.ended_at, attempt.attempt_id, attempt.campaign_id, attempt.direction,
       attempt.phone_id, attempt.trunk, attempt.caller_id, coalesce(attempt.outcome, 'live') AS outcome_or_live,
       coalesce(attempt.disposition, '') AS disposition_or_none, coalesce(attempt.seat, '') AS call_seat, coalesce(attempt.agent, '') AS call_agent,
       attempt.gap_seconds, lawful.grounds, attempt.voter_id, attempt.rowid AS place,
       EXISTS (SELECT 1 FROM recording WHERE recording.attempt_id = attempt.attempt_id) AS is_recorded
FROM attempt LEFT JOIN lawful ON lawful.lawful_id = attempt.lawful_id
WHERE attempt.phone_id = :phone AND attempt.rowid < :before AND attempt.created_at >= :since AND attempt.created_at < :until
  AND (:campaign IS NULL OR attempt.campaign_id = :campaign) AND (:agent IS NULL OR attempt.agent = :agent)
  AND (:outcome IS NULL OR coalesce(attempt.outcome, 'live') = :outcome) AND (:disposition IS NULL OR attempt.disposition = :disposition)
  AND (:voter IS NULL OR attempt.voter_id = :voter)
ORDER BY attempt.rowid DESC LIMIT :most;

-- name: call_details
SELECT attempt.phone_id, attempt.voter_id, attempt.trunk, attempt.caller_id, attempt.created_at, attempt.ringing_at, attempt.answered_at,
       attempt.connected_at, attempt.ended_at, attempt.disposed_at, attempt.cause, coalesce(attempt.technical_cause, '') AS sip_status,
       attempt.gap_seconds, lawful.grounds
FROM attempt LEFT JOIN lawful ON lawful.lawful_id = attempt.lawful_id
WHERE attempt.attempt_id = :attempt;

-- name: marks_of_call
SELECT at, kind, source, coalesce(agent, '') AS mark_agent FROM mark
WHERE voter_id = :voter AND attempt_id = :attempt
ORDER BY at, mark_id;

-- The GLOB patterns exclude messages that callers left, whose value is the ID of a recording.
-- name: answers_of_call
SELECT at, name, value FROM flow_answer
WHERE attempt_id = :attempt AND NOT (value GLOB attempt_id || '-[0-9]*' OR value GLOB 'RE[0-9a-f]*' AND length(value) = 34)
ORDER BY at, name;
