-- Outbound calls that were placed on each trunk. Calls are grouped by quarters of an hour, because the hours of every time
-- zone consist of whole quarters.

-- name: calls_by_status
SELECT trunk, coalesce(outcome, 'live') AS outcome_or_live, coalesce(technical_cause, '') AS status, count(*) AS calls
FROM attempt
WHERE direction = 'outbound' AND created_at >= :since AND created_at < :until AND (:campaign IS NULL OR campaign_id = :campaign)
  AND (outcome IS NULL OR outcome <> 'refused')
GROUP BY trunk, outcome, technical_cause
ORDER BY trunk, count(*) DESC, outcome, technical_cause;

-- name: calls_by_quarter
SELECT trunk, CAST(created_at / 900 AS INTEGER) AS quarter, count(*) AS calls,
       count(*) FILTER (WHERE outcome IN (SELECT value FROM json_each(:answered))) AS answered
FROM attempt
WHERE direction = 'outbound' AND created_at >= :since AND created_at < :until AND (:campaign IS NULL OR campaign_id = :campaign)
  AND (outcome IS NULL OR outcome <> 'refused')
GROUP BY trunk, quarter;
