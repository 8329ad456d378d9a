-- The facts about each voter, ordered by time: ends of calls ('ended'), dispositions and marks ('said'), and answers
-- ('answered'). Marks that were undone are left out, and so are the marks that undo them. The GLOB patterns exclude messages
-- that callers left, whose value is the ID of a recording.

-- name: voter_facts
SELECT voter_id, roll_version, state_code, constituency_number, part_number, serial, turnout, fact, at, question, value
FROM (
    SELECT voter_id, 'ended' AS fact, ended_at AS at, '' AS question, outcome AS value, campaign_id FROM attempt
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

-- The voter may still answer questions until the call that made a mark ends. Such a mark and all later ones are not complete.
-- name: last_complete_mark_id
SELECT coalesce(
    (SELECT min(mark_id) - 1 FROM mark WHERE mark_id > :after AND attempt_id IN (SELECT attempt_id FROM attempt WHERE ended_at IS NULL)),
    (SELECT max(mark_id) FROM mark), 0);

-- name: mark_key
SELECT key FROM mark WHERE mark_id = :mark_id;

-- Answers belong to the voter whom the call addressed. A booth worker's call marks other voters, who have given no answers.
-- name: complete_marks
SELECT mark_id, key, roll_version, state_code, constituency_number, part_number, serial, mark.at, kind, source, confidence, undoes, (
    SELECT json_group_object(flow_answer.name, flow_answer.value) FROM attempt JOIN flow_answer USING (attempt_id)
    WHERE attempt.attempt_id = mark.attempt_id AND attempt.voter_id = mark.voter_id
      AND NOT (value GLOB attempt_id || '-[0-9]*' OR value GLOB 'RE[0-9a-f]*' AND length(value) = 34)
) AS answers
FROM mark JOIN voter USING (voter_id) JOIN booth USING (booth_id)
WHERE mark_id > :after AND mark_id <= :last
ORDER BY mark_id LIMIT :limit;
