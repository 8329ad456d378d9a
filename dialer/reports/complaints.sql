-- Opt-outs and complaints, for the compliance officer. Rows hold IDs only: no names and no phone numbers.

-- Each complaint with its latest answer.
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

-- Calls are grouped by quarters of an hour, because the days of every time zone consist of whole quarters.
-- name: placed_calls
SELECT campaign_id, CAST(created_at / 900 AS INTEGER) AS quarter, count(*) AS calls
FROM attempt
WHERE direction = 'outbound' AND created_at >= :since AND created_at < :until
  AND (:campaign IS NULL OR campaign_id = :campaign) AND (outcome IS NULL OR outcome <> 'refused')
GROUP BY campaign_id, quarter;

-- 'centre erased' is excluded: it suppresses a number again that a later roll re-imported after its erasure, and that
-- number's opt-out was already counted.
-- name: opt_outs
SELECT coalesce(attempt.campaign_id, '') AS campaign, CAST(opt_out.at / 900 AS INTEGER) AS quarter, count(*) AS numbers
FROM opt_out LEFT JOIN attempt ON attempt.attempt_id = opt_out.attempt_id
WHERE opt_out.at >= :since AND opt_out.at < :until AND opt_out.source <> 'centre erased'
  AND (:campaign IS NULL OR attempt.campaign_id = :campaign)
GROUP BY 1, quarter;
