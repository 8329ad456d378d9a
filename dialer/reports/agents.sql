-- Reports on the work of agents. Only the part of an interval inside the period counts.

-- Seconds of each seat and agent in each state. Only the part of an interval inside the window counts.
-- name: seat_seconds_by_state
SELECT seat, coalesce(agent, '') AS agent_name, state, sum(min(until_at, :until) - max(from_at, :since)) AS seconds
FROM seat_interval
WHERE until_at > :since AND from_at < :until
GROUP BY seat, agent, state
ORDER BY seat, agent;

-- Inbound calls are included, because seats answer them too.
-- name: calls_by_seat
SELECT seat, coalesce(agent, '') AS agent_name, count(*) AS calls
FROM attempt
WHERE connected_at >= :since AND connected_at < :until AND seat IS NOT NULL
  AND (:campaign IS NULL OR campaign_id = :campaign)
GROUP BY seat, agent;

-- name: seconds_by_state
SELECT agent AS agent_name, state, sum(min(until_at, :until) - max(from_at, :since)) AS seconds
FROM seat_interval
WHERE until_at > :since AND from_at < :until AND agent IS NOT NULL
GROUP BY agent, state;

-- Inbound calls are included, because agents answer them too.
-- name: calls_by_agent
SELECT agent AS agent_name, count(*) AS calls, count(*) FILTER (WHERE outcome IN (SELECT value FROM json_each(:contacts))) AS contacts,
       count(disposition) AS dispositions
FROM attempt
WHERE connected_at >= :since AND connected_at < :until AND agent IS NOT NULL
  AND (:campaign IS NULL OR campaign_id = :campaign)
GROUP BY agent;

-- name: pauses_by_reason
SELECT agent AS agent_name, coalesce(reason, '') AS reason_or_none, count(*) AS pauses, sum(min(until_at, :until) - max(from_at, :since)) AS seconds
FROM seat_interval
WHERE until_at > :since AND from_at < :until AND agent IS NOT NULL AND state = 'paused'
GROUP BY agent, reason
ORDER BY agent, seconds DESC, reason;
