-- Data that the desk's pages show.

-- Ended outbound calls of a campaign, by the interval of :interval_seconds since :since in which they were placed. :share is the
-- share of people among the calls that detection took for machines, as in `recent_answers`.
-- name: calls_by_interval
SELECT CAST((created_at - :since) / :interval_seconds AS INTEGER) AS number, count(*) AS placed, count(answered_at) AS answered,
       count(connected_at) AS connected,
       total(outcome = 'abandoned') + :share * total(outcome = 'machine' AND connected_at IS NULL) AS abandoned,
       total(outcome IN (SELECT value FROM json_each(:live)) OR :share > 0 AND outcome IN ('completed', 'left'))
       + :share * total(outcome = 'machine' AND connected_at IS NULL) AS live_answers
FROM attempt INDEXED BY attempt_ended
WHERE campaign_id = :campaign_id AND direction = 'outbound' AND created_at >= :since AND outcome IS NOT NULL AND outcome <> 'refused'
GROUP BY number
ORDER BY number;

-- name: booth_names
SELECT booth_id, constituency_name, name FROM booth ORDER BY booth_id;

-- Recorded calls that began before :before and have ended, newest first. :unjudged: only calls taken for answering machines for which nobody has recorded who answered.
-- name: recordings
SELECT attempt_id AS attempt, campaign_id AS campaign, started_at AS at, ended_at - started_at AS seconds,
       coalesce(seat, '') AS seat, coalesce(agent, '') AS agent,
       CASE WHEN outcome = 'machine' AND connected_at IS NULL THEN coalesce(answered_by, 'open') END AS judged
FROM recording CROSS JOIN attempt USING (attempt_id) LEFT JOIN judged_call USING (attempt_id)
WHERE started_at < :before AND ended_at IS NOT NULL AND (:campaign IS NULL OR campaign_id = :campaign)
  AND (NOT :unjudged OR outcome = 'machine' AND connected_at IS NULL AND answered_by IS NULL)
ORDER BY started_at DESC LIMIT :most;
