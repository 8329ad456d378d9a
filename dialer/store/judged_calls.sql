-- Calls that detection took for answering machines and a person judged.

-- name: is_in_sample
SELECT EXISTS (
    SELECT 1 FROM recording CROSS JOIN attempt USING (attempt_id)
    WHERE attempt_id = :attempt_id AND ended_at IS NOT NULL AND outcome = 'machine' AND connected_at IS NULL
);

-- name: save_judgement
INSERT INTO judged_call (attempt_id, answered_by, judged_at, judged_by) VALUES (:attempt_id, :answered_by, :judged_at, :judged_by)
ON CONFLICT (attempt_id) DO UPDATE
SET answered_by = excluded.answered_by, judged_at = excluded.judged_at, judged_by = excluded.judged_by;

-- name: campaign_of
SELECT campaign_id FROM attempt WHERE attempt_id = :attempt_id;

-- Of one campaign, or of all campaigns (NULL).
-- name: judged_by_campaign
SELECT campaign_id, count(*) AS judged, sum(answered_by = 'person') AS people
FROM judged_call CROSS JOIN attempt USING (attempt_id)
WHERE :campaign_id IS NULL OR campaign_id = :campaign_id
GROUP BY campaign_id;
