-- What the desk's pages show of the store. It only reads, by these statements and no others.

-- Our calls of a campaign by the stretch of ?3 seconds from ?2 on in which they were placed; those that are under way are not in it.
-- name: course
SELECT CAST((created_at - ?2) / ?3 AS INTEGER) AS stretch, count(*), count(answered_at), count(connected_at),
       total(outcome = 'abandoned')
FROM attempt INDEXED BY attempt_ended
WHERE campaign_id = ?1 AND direction = 'outbound' AND created_at >= ?2 AND outcome IS NOT NULL AND outcome <> 'refused'
GROUP BY stretch
ORDER BY stretch;
