-- Reports that account for a campaign. By quarters of an hour, which every zone's midnights and hours fall between.

-- name: hours
SELECT campaign_id,
       CAST(created_at / 900 AS INTEGER) AS quarter,
       count(*),
       total(outcome IN (SELECT value FROM json_each(:answered))),
       total(outcome = 'connected'),
       total(outcome = 'abandoned')
FROM attempt
WHERE created_at >= :since AND created_at < :until AND (:campaign IS NULL OR campaign_id = :campaign)
GROUP BY campaign_id, quarter;

-- name: expenditure
SELECT attempt.campaign_id,
       booth.constituency_number,
       CAST(attempt.created_at / 900 AS INTEGER) AS quarter,
       count(*),
       total(attempt.outcome IN (SELECT value FROM json_each(:answered))),
       total(CASE WHEN attempt.answered_at IS NOT NULL THEN attempt.ended_at - attempt.answered_at END)
FROM attempt
JOIN voter ON voter.voter_id = attempt.voter_id
JOIN booth ON booth.booth_id = voter.booth_id
WHERE attempt.created_at >= :since AND attempt.created_at < :until
  AND (:campaign IS NULL OR attempt.campaign_id = :campaign)
  AND (attempt.outcome IS NULL OR attempt.outcome <> 'refused')
GROUP BY attempt.campaign_id, booth.constituency_number, quarter;

-- name: opt_outs
SELECT coalesce(attempt.campaign_id, ''), opt_out.source, CAST(opt_out.at / 900 AS INTEGER) AS quarter, count(*)
FROM opt_out LEFT JOIN attempt ON attempt.attempt_id = opt_out.attempt_id
WHERE opt_out.at >= :since AND opt_out.at < :until AND (:campaign IS NULL OR attempt.campaign_id = :campaign)
GROUP BY 1, 2, quarter;

-- name: imports
SELECT at, file_name, sha256, rows, voters, numbers, links, rejected, unchanged
FROM import_run
WHERE at >= :since AND at < :until
ORDER BY at, import_id;
