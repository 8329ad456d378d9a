-- Reports for campaign accounts. Calls are grouped by quarters of an hour, because the days and hours of every time zone
-- consist of whole quarters.

-- name: calls_by_quarter
SELECT campaign_id,
       CAST(created_at / 900 AS INTEGER) AS quarter,
       count(*) AS attempts,
       count(*) FILTER (WHERE outcome IN (SELECT value FROM json_each(:answered))) AS answered,
       count(*) FILTER (WHERE outcome IN (SELECT value FROM json_each(:contacts))) AS contacts,
       count(disposition) AS dispositions,
       count(*) FILTER (WHERE outcome IN (SELECT value FROM json_each(:live_answers))) AS live_answers,
       count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
       count(*) FILTER (WHERE outcome = 'machine' AND connected_at IS NULL) AS taken_for_machines,
       count(*) FILTER (
           WHERE outcome IN ('completed', 'left')
             AND campaign_id IN (SELECT detects.campaign_id FROM attempt AS detects WHERE detects.outcome = 'machine' AND detects.connected_at IS NULL)
       ) AS flow_answers
FROM attempt
WHERE direction = 'outbound' AND created_at >= :since AND created_at < :until AND (:campaign IS NULL OR campaign_id = :campaign)
  AND (outcome IS NULL OR outcome <> 'refused')
GROUP BY campaign_id, quarter;

-- A call to a booth worker counts at the worker's booth at the time of the call (worker_booth_id).
-- name: calls_by_constituency
SELECT attempt.campaign_id,
       booth.constituency_number,
       CAST(attempt.created_at / 900 AS INTEGER) AS quarter,
       count(*) AS calls,
       count(*) FILTER (WHERE attempt.outcome IN (SELECT value FROM json_each(:answered))) AS answered,
       total(CASE WHEN attempt.answered_at IS NOT NULL THEN attempt.ended_at - attempt.answered_at END) AS answered_seconds
FROM attempt
LEFT JOIN voter ON voter.voter_id = attempt.voter_id
JOIN booth ON booth.booth_id = coalesce(voter.booth_id, attempt.worker_booth_id)
WHERE attempt.direction = 'outbound' AND attempt.created_at >= :since AND attempt.created_at < :until
  AND (:campaign IS NULL OR attempt.campaign_id = :campaign)
  AND (attempt.outcome IS NULL OR attempt.outcome <> 'refused')
GROUP BY attempt.campaign_id, booth.constituency_number, quarter;

-- 'centre erased' is excluded: it suppresses a number again that a later roll re-imported after its erasure, and that
-- number's opt-out was already counted.
-- name: opt_outs_by_source
SELECT coalesce(attempt.campaign_id, '') AS campaign, opt_out.source, CAST(opt_out.at / 900 AS INTEGER) AS quarter, count(*) AS numbers
FROM opt_out LEFT JOIN attempt ON attempt.attempt_id = opt_out.attempt_id
WHERE opt_out.at >= :since AND opt_out.at < :until AND opt_out.source <> 'centre erased'
  AND (:campaign IS NULL OR attempt.campaign_id = :campaign)
GROUP BY 1, 2, quarter;

-- Each current booth worker, and each former one who was called in the window. A mark undone by a later one is not counted.
-- name: booth_workers
SELECT worker.worker_id,
       (SELECT min(booth.constituency_number) FROM worker_booth JOIN booth USING (booth_id)
        WHERE worker_booth.worker_id = worker.worker_id) AS constituency,
       (SELECT group_concat(part_number, ' ') FROM (
            SELECT booth.part_number FROM worker_booth JOIN booth USING (booth_id)
            WHERE worker_booth.worker_id = worker.worker_id ORDER BY booth.part_number
        )) AS parts,
       count(attempt.attempt_id) AS calls,
       count(*) FILTER (WHERE attempt.outcome IN (SELECT value FROM json_each(:answered))) AS answered,
       max(CASE WHEN attempt.outcome IN (SELECT value FROM json_each(:answered)) THEN attempt.answered_at END) AS last_answered_at,
       (SELECT count(DISTINCT mark.voter_id) FROM mark
        WHERE mark.worker_id = worker.worker_id AND mark.kind = 'voted' AND mark.at >= :since AND mark.at < :until
          AND NOT EXISTS (SELECT 1 FROM mark AS later WHERE later.voter_id = mark.voter_id AND later.undoes = mark.key)) AS voted,
       (SELECT count(*) FROM unknown_serial
        WHERE unknown_serial.worker_id = worker.worker_id AND unknown_serial.at >= :since AND unknown_serial.at < :until) AS unknown_serials
FROM worker
LEFT JOIN attempt ON attempt.phone_id = worker.phone_id AND attempt.worker_id = worker.worker_id
     AND attempt.created_at >= :since AND attempt.created_at < :until
     AND (:campaign IS NULL OR attempt.campaign_id = :campaign)
     AND (attempt.outcome IS NULL OR attempt.outcome <> 'refused')
WHERE NOT worker.gone OR attempt.attempt_id IS NOT NULL
GROUP BY worker.worker_id
ORDER BY 2, 3, worker.worker_id;

-- name: roll_imports
SELECT import_run.at, file_name, sha256, rows, voters, numbers, links, rejected, unchanged,
       CAST(audit.what ->> 'rejected_numbers' AS INTEGER) AS rejected_numbers, coalesce(audit.what ->> 'source', '') AS portal, coalesce(audit.what ->> 'mapping', '') AS mapping
FROM import_run LEFT JOIN audit ON audit.at = import_run.at AND audit.kind = 'roll-import' AND audit.what ->> 'sha256' = sha256
WHERE import_run.at >= :since AND import_run.at < :until
ORDER BY import_run.at, import_id;
