-- Opt-outs and complaints, for the compliance officer. Ids only.

-- The last answer counts.
-- name: complaints
SELECT complaint.complaint_id, complaint.at, complaint.about, complaint.channel, coalesce(complaint.campaign_id, '') AS campaign,
       coalesce(complaint.attempt_id, '') AS attempt, coalesce(attempt.agent, '') AS call_agent, complaint.who AS entered_by,
       phone.opted_out_at, answered.at AS answered_at, answered.answer, answered.who AS answered_by
FROM complaint
LEFT JOIN attempt ON attempt.attempt_id = complaint.attempt_id
LEFT JOIN phone ON phone.phone_id = complaint.phone_id
LEFT JOIN complaint_answer AS answered ON answered.answer_id = (
    SELECT answer_id FROM complaint_answer WHERE complaint_id = complaint.complaint_id ORDER BY at DESC, answer_id DESC LIMIT 1
)
WHERE complaint.at >= :since AND complaint.at < :until AND (:campaign IS NULL OR complaint.campaign_id = :campaign)
ORDER BY complaint.at, complaint.complaint_id;

-- By quarters of an hour, which every zone's midnight falls between: the calls that were placed.
-- name: calls
SELECT campaign_id, CAST(created_at / 900 AS INTEGER) AS quarter, count(*) AS calls
FROM attempt
WHERE direction = 'outbound' AND created_at >= :since AND created_at < :until
  AND (:campaign IS NULL OR campaign_id = :campaign) AND (outcome IS NULL OR outcome <> 'refused')
GROUP BY campaign_id, quarter;

-- A number that was erased and that a later roll brought back is suppressed anew: it opted out once.
-- name: opt_outs
SELECT coalesce(attempt.campaign_id, '') AS campaign, CAST(opt_out.at / 900 AS INTEGER) AS quarter, count(*) AS numbers
FROM opt_out LEFT JOIN attempt ON attempt.attempt_id = opt_out.attempt_id
WHERE opt_out.at >= :since AND opt_out.at < :until AND opt_out.source <> 'centre erased'
  AND (:campaign IS NULL OR attempt.campaign_id = :campaign)
GROUP BY 1, quarter;
