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
