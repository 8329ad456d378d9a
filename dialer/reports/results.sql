-- What became known of each voter, in its order: how calls ended (no word of anybody's), what was said (by the voter, or of the
-- voter), and what was answered. A mark that was taken back is not said, and what takes it back is no word either.

-- name: known
SELECT voter_id, roll_version, state_code, constituency_number, part_number, serial, turnout, what, at, question, value
FROM (
    SELECT voter_id, 'ended' AS what, ended_at AS at, '' AS question, outcome AS value, campaign_id FROM attempt
    WHERE ended_at >= :since AND ended_at < :until
    UNION ALL
    SELECT voter_id, 'said', disposed_at, '', disposition, campaign_id FROM attempt
    WHERE disposed_at >= :since AND disposed_at < :until AND disposition IS NOT NULL
    UNION ALL
    SELECT mark.voter_id, 'said', at, '', kind, campaign_id FROM mark LEFT JOIN attempt USING (attempt_id)
    WHERE at >= :since AND at < :until AND undoes IS NULL
      AND NOT EXISTS (SELECT 1 FROM mark AS later WHERE later.voter_id = mark.voter_id AND later.undoes = mark.key)
    UNION ALL
    SELECT voter_id, 'answered', at, name, value, campaign_id FROM flow_answer JOIN attempt USING (attempt_id)
    WHERE at >= :since AND at < :until
      AND NOT (value GLOB attempt_id || '-[0-9]*' OR value GLOB 'RE[0-9a-f]*' AND length(value) = 34)
) JOIN voter USING (voter_id) JOIN booth USING (booth_id)
WHERE (:campaign IS NULL OR campaign_id = :campaign)
  AND (:state IS NULL OR state_code = :state) AND (:constituency IS NULL OR constituency_number = :constituency)
ORDER BY state_code, constituency_number, part_number, serial, voter_id, at;

-- A mark of a call that has not ended may still get answers: it and what follows wait.
-- name: last_settled
SELECT coalesce(
    (SELECT min(mark_id) - 1 FROM mark WHERE mark_id > :after AND attempt_id IN (SELECT attempt_id FROM attempt WHERE ended_at IS NULL)),
    (SELECT max(mark_id) FROM mark), 0);

-- name: key_of_mark
SELECT key FROM mark WHERE mark_id = :mark_id;

-- Answers are the voter's whom the call addressed: a booth worker's call marks others.
-- name: settled
SELECT mark_id, key, roll_version, state_code, constituency_number, part_number, serial, mark.at, kind, source, confidence, undoes, (
    SELECT json_group_object(flow_answer.name, flow_answer.value) FROM attempt JOIN flow_answer USING (attempt_id)
    WHERE attempt.attempt_id = mark.attempt_id AND attempt.voter_id = mark.voter_id
      AND NOT (value GLOB attempt_id || '-[0-9]*' OR value GLOB 'RE[0-9a-f]*' AND length(value) = 34)
) AS answers
FROM mark JOIN voter USING (voter_id) JOIN booth USING (booth_id)
WHERE mark_id > :after AND mark_id <= :last
ORDER BY mark_id LIMIT :most;
