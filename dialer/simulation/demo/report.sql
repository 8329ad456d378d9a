-- The figures of a run, and its violations of the rules. `since` is epoch seconds.

-- Inbound calls count neither in the abandoned-call rate nor as violations.
-- name: outcomes
SELECT campaign_id, coalesce(outcome, 'live') AS outcome_or_live, count(*) AS attempts
FROM attempt
WHERE direction = 'outbound' AND created_at >= :since
GROUP BY campaign_id, outcome;

-- name: utilisation
SELECT seat,
       total(CASE WHEN state IN ('talking', 'wrap-up') THEN until_at - max(from_at, :since) END)
           / total(until_at - max(from_at, :since)) AS share
FROM seat_interval
WHERE until_at > :since
GROUP BY seat
ORDER BY seat;

-- name: marks
SELECT mark.kind, booth.constituency_number, booth.part_number, count(*) AS marks
FROM mark
JOIN voter ON voter.voter_id = mark.voter_id
JOIN booth ON booth.booth_id = voter.booth_id
WHERE mark.at >= :since
GROUP BY booth.booth_id, mark.kind
ORDER BY booth.constituency_number, booth.part_number, mark.kind;

-- name: opt_outs
SELECT count(*) FROM opt_out WHERE at >= :since;

-- Attempts that began before an earlier one to the same number had ended. Refused attempts were never placed.
-- name: no_number_with_two_open_attempts
SELECT attempt_id
FROM (
    SELECT attempt_id, created_at,
           max(coalesce(ended_at, 1e99)) OVER (
               PARTITION BY phone_id ORDER BY created_at, attempt_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ) AS earlier_ended_at
    FROM attempt
    WHERE direction = 'outbound' AND (outcome IS NULL OR outcome <> 'refused')
)
WHERE created_at >= :since AND earlier_ended_at > created_at;

-- Answered attempts without an end, or with an outcome that means no answer.
-- name: answered_calls_have_outcomes
SELECT attempt_id
FROM attempt
WHERE created_at >= :since AND answered_at IS NOT NULL
  AND (outcome IS NULL OR outcome IN ('busy', 'no-answer', 'invalid-number', 'congestion', 'rejected', 'refused'));

-- Attempts placed after their voter had voted, unless a correction in between withdrew the mark.
-- name: nobody_called_after_voted
SELECT attempt.attempt_id
FROM attempt
WHERE attempt.direction = 'outbound' AND attempt.created_at >= :since
  AND (attempt.outcome IS NULL OR attempt.outcome <> 'refused')
  AND (
      SELECT mark.kind = 'voted'
      FROM mark
      WHERE mark.voter_id = attempt.voter_id AND mark.at < attempt.created_at
        AND (mark.kind = 'voted' OR mark.source = 'correction')
      ORDER BY mark.at DESC, mark.mark_id DESC
      LIMIT 1
  );

-- name: nobody_called_after_opt_out
SELECT attempt.attempt_id
FROM attempt
JOIN phone ON phone.phone_id = attempt.phone_id
JOIN opt_out ON opt_out.e164 = phone.e164
WHERE attempt.direction = 'outbound' AND attempt.created_at >= :since
  AND (attempt.outcome IS NULL OR attempt.outcome <> 'refused')
  AND opt_out.at < attempt.created_at;

-- name: attempts_with_numbers
SELECT attempt.attempt_id, phone.e164, attempt.outcome
FROM attempt JOIN phone ON phone.phone_id = attempt.phone_id
WHERE attempt.direction = 'outbound' AND attempt.created_at >= :since;
