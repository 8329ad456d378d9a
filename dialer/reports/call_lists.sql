-- The call lists (queues of numbers) of campaigns. Slow, for each statement reads all numbers of a campaign.

-- name: numbers_by_attempts
SELECT campaign_id, attempts, count(*) AS numbers, count(*) FILTER (WHERE state = 'closed' AND refused_by IS NULL) AS completed,
       count(*) FILTER (WHERE state <> 'closed') AS remaining
FROM target
WHERE (:campaign IS NULL OR campaign_id = :campaign)
GROUP BY campaign_id, attempts
ORDER BY campaign_id, attempts;

-- Numbers that are not completed, by why and until when they wait. Times are grouped by quarters of an hour, because the hours
-- of every time zone consist of whole quarters; NULL: due now, or without a time.
-- name: numbers_by_due_time
SELECT campaign_id,
       CASE
           WHEN refused_by IS NOT NULL THEN refused_by
           WHEN state IN ('claimed', 'dialling') THEN 'in-progress'
           WHEN due_at <= :now THEN 'due-now'
           WHEN promised THEN 'call-back'
           ELSE 'retry'
       END AS reason,
       CASE WHEN state = 'due' AND due_at > :now THEN CAST(due_at / 900 AS INTEGER) END AS quarter,
       count(*) AS numbers
FROM target
WHERE (state <> 'closed' OR refused_by IS NOT NULL) AND (:campaign IS NULL OR campaign_id = :campaign)
GROUP BY 1, 2, 3;
