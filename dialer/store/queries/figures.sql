-- Figures of a campaign.

-- Reads the whole of the campaign's queue: ask once and keep it.
-- name: targets
SELECT count(*) FROM target WHERE campaign_id = :campaign_id;

-- Each count reads one index alone; that of the closed and that of the ended grow with the campaign.
-- name: progress
SELECT (SELECT count(*) FROM target INDEXED BY target_closed WHERE state = 'closed' AND campaign_id = :campaign_id) AS closed,
       (SELECT count(*) FROM target INDEXED BY target_claimed WHERE state = 'claimed' AND campaign_id = :campaign_id) AS claimed,
       (SELECT count(*) FROM attempt INDEXED BY attempt_one_open WHERE ended_at IS NULL AND direction = 'outbound' AND campaign_id = :campaign_id)
           AS on_a_call,
       (
           SELECT count(*) FROM attempt INDEXED BY attempt_ended
           WHERE campaign_id = :campaign_id AND direction = 'outbound' AND outcome IS NOT NULL AND outcome <> 'refused'
       ) AS ended;

-- name: outcome_counts
SELECT outcome, count(*) FROM attempt INDEXED BY attempt_ended
WHERE campaign_id = :campaign_id AND direction = 'outbound' AND created_at >= :since AND outcome IS NOT NULL
GROUP BY outcome;

-- Live answers of a window by the age of the short stretch that they fall in, oldest first. A call is answered within :longest_seconds of
-- its attempt, so that the index of the ended finds the window's. Calls that are under way count by their answer.
-- name: answers_of_late
SELECT CAST((:now - at) / :stretch_seconds AS INTEGER) AS age, count(*) AS answers, total(abandoned) AS abandoned
FROM (
    SELECT coalesce(answered_at, ended_at) AS at, outcome = 'abandoned' AS abandoned
    FROM attempt INDEXED BY attempt_ended
    WHERE campaign_id = :campaign_id AND direction = 'outbound' AND created_at >= :now - :window_seconds - :longest_seconds AND outcome IS NOT NULL
      AND outcome IN (SELECT value FROM json_each(:live))
    UNION ALL
    SELECT answered_at, 0
    FROM attempt INDEXED BY attempt_one_open
    WHERE campaign_id = :campaign_id AND direction = 'outbound' AND ended_at IS NULL AND answered_at IS NOT NULL
)
WHERE at > :now - :window_seconds
GROUP BY age
ORDER BY age DESC;

-- name: any_fresh
SELECT EXISTS (SELECT 1 FROM target WHERE campaign_id = :campaign_id AND state = 'due' AND due_at = 0);

-- name: earliest_timed
SELECT min(due_at) FROM (
    SELECT min(due_at) AS due_at FROM target
    WHERE campaign_id = :campaign_id AND aside_until = 0 AND promised = 0 AND state = 'due' AND due_at > 0
    UNION ALL
    SELECT min(due_at) FROM target WHERE campaign_id = :campaign_id AND aside_until = 0 AND promised = 1 AND state = 'due' AND due_at > 0
    UNION ALL
    SELECT due_at FROM ( -- of those that stand aside, which are all due
        SELECT due_at FROM target WHERE campaign_id = :campaign_id AND aside_until > 0 AND state = 'due' AND due_at > 0
        ORDER BY aside_until, promised, due_at LIMIT 1
    )
);
