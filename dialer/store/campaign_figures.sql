-- Figures of a campaign. Their cost depends on what was done so far, not on the length of the list.

-- Slow: reads an index of the whole queue.
-- name: target_count
SELECT count(*) FROM target WHERE campaign_id = :campaign_id;

-- Each count reads one index only; those of closed targets and ended attempts grow with the campaign.
-- name: progress
SELECT (SELECT count(*) FROM target INDEXED BY target_closed WHERE state = 'closed' AND campaign_id = :campaign_id) AS closed,
       (SELECT count(*) FROM target INDEXED BY target_timed WHERE state = 'due' AND due_at > 0 AND due_at > :now AND campaign_id = :campaign_id)
           AS waiting,
       (SELECT count(*) FROM target INDEXED BY target_claimed WHERE state = 'claimed' AND campaign_id = :campaign_id) AS claimed,
       (SELECT count(*) FROM attempt INDEXED BY attempt_one_open WHERE ended_at IS NULL AND direction = 'outbound' AND campaign_id = :campaign_id)
           AS on_a_call,
       (
           SELECT count(*) FROM attempt INDEXED BY attempt_ended
           WHERE campaign_id = :campaign_id AND direction = 'outbound' AND outcome IS NOT NULL AND outcome <> 'refused'
       ) AS ended;

-- name: refused_counts
SELECT refused_by AS reason, count(*) AS numbers FROM target INDEXED BY target_refused
WHERE campaign_id = :campaign_id AND refused_by IS NOT NULL GROUP BY refused_by ORDER BY refused_by;

-- name: outcome_counts
SELECT outcome, count(*) AS attempts FROM attempt INDEXED BY attempt_ended
WHERE campaign_id = :campaign_id AND direction = 'outbound' AND created_at >= :since AND outcome IS NOT NULL
GROUP BY outcome;

-- Outbound calls that machine detection ended. Calls that an agent reported as machines were connected.
-- name: taken_for_machines
SELECT count(*) FROM attempt INDEXED BY attempt_ended
WHERE campaign_id = :campaign_id AND direction = 'outbound' AND created_at >= :since AND outcome = 'machine' AND connected_at IS NULL;

-- Those of a time window, by the age of the short interval in which they were answered.
-- name: recently_taken_for_machines
SELECT CAST((:now - coalesce(answered_at, ended_at)) / :interval_seconds AS INTEGER) AS age, count(*) AS calls
FROM attempt INDEXED BY attempt_ended
WHERE campaign_id = :campaign_id AND direction = 'outbound' AND created_at >= :now - :window_seconds - :longest_seconds AND outcome = 'machine'
  AND connected_at IS NULL AND coalesce(answered_at, ended_at) > :now - :window_seconds
GROUP BY age
ORDER BY age DESC;

-- Live answers of a time window by the age of the short interval that they fall in, oldest first. A call is answered
-- within :longest_seconds after its attempt was opened, so that the index of ended attempts finds the window's. Open
-- calls count by their answer. With :share > 0 the campaign detects machines: a call that it took for one counts as :share of an
-- abandoned answer, and the answers of flows count too (`calculate_abandoned_rate`).
-- name: recent_answers
SELECT CAST((:now - at) / :interval_seconds AS INTEGER) AS age, total(answers) AS answers, total(abandoned) AS abandoned
FROM (
    SELECT coalesce(answered_at, ended_at) AS at, iif(outcome = 'machine', :share, 1) AS answers,
           iif(outcome = 'machine', :share, outcome = 'abandoned') AS abandoned
    FROM attempt INDEXED BY attempt_ended
    WHERE campaign_id = :campaign_id AND direction = 'outbound' AND created_at >= :now - :window_seconds - :longest_seconds AND outcome IS NOT NULL
      AND (outcome IN (SELECT value FROM json_each(:live))
           OR :share > 0 AND (outcome IN ('completed', 'left') OR outcome = 'machine' AND connected_at IS NULL))
    UNION ALL
    SELECT answered_at, 1, 0
    FROM attempt INDEXED BY attempt_one_open
    WHERE campaign_id = :campaign_id AND direction = 'outbound' AND ended_at IS NULL AND answered_at IS NOT NULL
)
WHERE at > :now - :window_seconds
GROUP BY age
ORDER BY age DESC;
