-- A day as it is in the store, for a replay: the calls of campaigns with agents, and the time of their seats.

-- Calls that were placed and have ended with a known result.
-- name: attempts
SELECT attempt.created_at, attempt.ended_at, attempt.ringing_at, attempt.answered_at, attempt.connected_at, attempt.seat,
       attempt.outcome
FROM attempt CROSS JOIN campaign USING (campaign_id)
WHERE campaign.kind = 'agents' AND attempt.direction = 'outbound' AND attempt.ended_at IS NOT NULL
    AND attempt.outcome NOT IN ('refused', 'unknown') AND attempt.created_at >= :since AND attempt.created_at < :until
ORDER BY attempt.created_at, attempt.attempt_id;

-- name: intervals
SELECT seat, state, from_at, until_at FROM seat_interval
WHERE until_at > :since AND from_at < :until AND state IN ('ready', 'reserved', 'talking', 'wrap-up')
ORDER BY from_at, seat;

-- name: first_and_last
SELECT min(attempt.created_at) AS first, max(attempt.created_at) AS last
FROM attempt CROSS JOIN campaign USING (campaign_id)
WHERE campaign.kind = 'agents' AND attempt.direction = 'outbound' AND attempt.ended_at IS NOT NULL
    AND attempt.outcome NOT IN ('refused', 'unknown');
