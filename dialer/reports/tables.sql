-- Reports on calls and seats. Times are epoch seconds; :until is exclusive. Lists of outcomes are JSON parameters, because
-- dialer/domain/model.py alone defines which outcomes count as answered.

-- name: calls_by_outcome
SELECT campaign_id,
       coalesce(outcome, 'live') AS outcome_or_live,
       count(*) AS calls,
       avg(answered_at - created_at) AS seconds_to_answer,
       avg(CASE WHEN answered_at IS NOT NULL THEN ended_at - answered_at END) AS seconds_after_answer
FROM attempt
WHERE direction = 'outbound' AND created_at >= :since AND created_at < :until
  AND (:campaign IS NULL OR campaign_id = :campaign)
GROUP BY campaign_id, outcome
ORDER BY campaign_id, count(*) DESC, outcome;

-- name: recordings
SELECT attempt.attempt_id, campaign_id, started_at, ended_at - coalesce(connected_at, started_at) AS seconds, coalesce(seat, '') AS call_seat, coalesce(agent, '') AS call_agent,
       coalesce(outcome, 'live') AS outcome_or_live, coalesce(answered_by, '') AS judged
FROM recording JOIN attempt USING (attempt_id) LEFT JOIN judged_call USING (attempt_id)
WHERE started_at >= :since AND started_at < :until AND (:campaign IS NULL OR campaign_id = :campaign)
  AND (NOT :unjudged OR outcome = 'machine' AND connected_at IS NULL AND answered_by IS NULL)
ORDER BY started_at, attempt.attempt_id;

-- Answers entered by callers in flows or noted by agents. The GLOB patterns exclude messages that callers left, whose value is
-- the ID of a recording.
-- name: answer_counts
SELECT campaign_id, flow_answer.name, flow_answer.value, count(*) AS calls
FROM attempt CROSS JOIN flow_answer USING (attempt_id)
WHERE created_at >= :since AND created_at < :until AND (:campaign IS NULL OR campaign_id = :campaign)
  AND (:question IS NULL OR flow_answer.name = :question)
  AND NOT (value GLOB attempt_id || '-[0-9]*' OR value GLOB 'RE[0-9a-f]*' AND length(value) = 34)
GROUP BY campaign_id, flow_answer.name, flow_answer.value
ORDER BY campaign_id, flow_answer.name, count(*) DESC, flow_answer.value;

-- name: answers
SELECT flow_answer.at, campaign_id, attempt_id, direction, phone_id, voter_id, flow_answer.name, flow_answer.value,
       value GLOB attempt_id || '-[0-9]*' OR value GLOB 'RE[0-9a-f]*' AND length(value) = 34 AS is_message
FROM attempt CROSS JOIN flow_answer USING (attempt_id)
WHERE created_at >= :since AND created_at < :until AND (:campaign IS NULL OR campaign_id = :campaign)
  AND (:question IS NULL OR flow_answer.name = :question)
ORDER BY flow_answer.at, attempt_id, flow_answer.name;

-- name: calls_by_trunk
SELECT trunk,
       count(*) FILTER (WHERE outcome IS NULL OR outcome <> 'refused') AS calls,
       count(*) FILTER (WHERE outcome IN (SELECT value FROM json_each(:answered))) AS answered,
       count(*) FILTER (WHERE outcome IN (SELECT value FROM json_each(:failures)) OR technical_cause IN (SELECT value FROM json_each(:refusals))) AS failures,
       avg(ringing_at - created_at) AS seconds_to_ringing,
       (
           SELECT max(starts) FROM (
               SELECT count(*) AS starts FROM attempt AS started
               WHERE started.trunk = attempt.trunk AND started.direction = 'outbound' AND started.created_at >= :since AND started.created_at < :until
                 AND (:campaign IS NULL OR started.campaign_id = :campaign)
               GROUP BY CAST(started.created_at AS INTEGER)
           )
       ) AS max_starts_per_second
FROM attempt
WHERE direction = 'outbound' AND created_at >= :since AND created_at < :until
  AND (:campaign IS NULL OR campaign_id = :campaign)
GROUP BY trunk
ORDER BY trunk;

-- name: calls_by_disposition
SELECT coalesce(agent, '') AS agent_name, coalesce(disposition, '') AS disposition_or_none, count(*) AS calls
FROM attempt
WHERE connected_at >= :since AND connected_at < :until AND agent IS NOT NULL
  AND (:campaign IS NULL OR campaign_id = :campaign)
GROUP BY agent, disposition
ORDER BY agent, count(*) DESC, disposition;

-- name: dispositions_by_campaign
SELECT campaign_id, coalesce(disposition, '') AS disposition_or_none, count(*) AS calls
FROM attempt
WHERE connected_at >= :since AND connected_at < :until AND agent IS NOT NULL
  AND (:campaign IS NULL OR campaign_id = :campaign)
GROUP BY campaign_id, disposition
ORDER BY campaign_id, count(*) DESC, disposition;

-- Calls are grouped by quarters of an hour, because the days of every time zone consist of whole quarters.
-- name: abandoned_by_quarter
SELECT campaign_id,
       CAST(created_at / 900 AS INTEGER) AS quarter,
       count(*) AS attempts,
       count(*) FILTER (WHERE outcome IN (SELECT value FROM json_each(:live_answers))) AS live,
       count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
       count(*) FILTER (WHERE outcome = 'machine' AND connected_at IS NULL) AS taken_for_machines,
       count(*) FILTER (
           WHERE outcome IN ('completed', 'left')
             AND campaign_id IN (SELECT detects.campaign_id FROM attempt AS detects WHERE detects.outcome = 'machine' AND detects.connected_at IS NULL)
       ) AS flow_answers
FROM attempt
WHERE direction = 'outbound' AND created_at >= :since AND created_at < :until
  AND (:campaign IS NULL OR campaign_id = :campaign)
GROUP BY campaign_id, quarter
ORDER BY campaign_id, quarter;

-- Outbound calls that machine detection ended, and those of them that were recorded and judged.
-- name: calls_taken_for_machines
SELECT campaign_id, count(*) AS taken_for_machines, count(started_at) AS recorded, count(answered_by) AS judged,
       count(*) FILTER (WHERE answered_by = 'person') AS people
FROM attempt LEFT JOIN recording USING (attempt_id) LEFT JOIN judged_call USING (attempt_id)
WHERE direction = 'outbound' AND created_at >= :since AND created_at < :until AND (:campaign IS NULL OR campaign_id = :campaign)
  AND outcome = 'machine' AND connected_at IS NULL
GROUP BY campaign_id
ORDER BY campaign_id;

-- Outbound calls only: the cap applies to calls that the dialler places, and inbound answers would lower the rate.
-- With :share > 0, the share of people among the calls that detection took for machines (by the profile), these calls are included,
-- and the answers of flows in campaigns that detect machines (`calculate_abandoned_rate`).
-- name: live_answers
SELECT campaign_id, coalesce(answered_at, ended_at) AS at, outcome = 'abandoned' AS abandoned, outcome = 'dropped' AS left_waiting,
       outcome = 'machine' AS taken_for_machine
FROM attempt
WHERE direction = 'outbound'
  AND (outcome IN (SELECT value FROM json_each(:live_answers)) OR :share > 0 AND (
      outcome = 'machine' AND connected_at IS NULL OR outcome IN ('completed', 'left')
      AND campaign_id IN (SELECT detects.campaign_id FROM attempt AS detects WHERE detects.outcome = 'machine' AND detects.connected_at IS NULL)
  ))
  AND coalesce(answered_at, ended_at) >= :since AND coalesce(answered_at, ended_at) < :until
  AND (:campaign IS NULL OR campaign_id = :campaign)
ORDER BY campaign_id, at;
