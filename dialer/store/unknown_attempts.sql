-- Attempts of unknown result: nobody knows whether they became calls. Their numbers are not called again before a
-- person releases them.

-- name: unreleased
SELECT attempt.attempt_id, attempt.campaign_id, phone.e164 AS number, attempt.created_at, attempt.ended_at, attempt.trunk
FROM attempt INDEXED BY attempt_unknown CROSS JOIN phone USING (phone_id)
WHERE attempt.outcome = 'unknown' AND attempt.direction = 'outbound'
  AND attempt.attempt_id NOT IN (SELECT attempt_id FROM released_unknown)
ORDER BY attempt.created_at, attempt.attempt_id;

-- name: phone_of_unreleased
SELECT phone_id FROM attempt
WHERE attempt_id = :attempt_id AND outcome = 'unknown' AND direction = 'outbound'
  AND attempt_id NOT IN (SELECT attempt_id FROM released_unknown);

-- name: insert_release
INSERT INTO released_unknown (attempt_id, at, who, reason) VALUES (:attempt_id, :at, :who, :reason);

-- Opens what the attempt had closed, unless the number has opted out or has another attempt of unknown result. A number
-- on which nobody is pending stays closed until a correction opens it.
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
