-- The facts about a number that the calling rules check.

-- Calls of all campaigns: attempts and conversations since :day_start, and the ends of the last abandoned call, of the
-- last call to the number and of the last conversation. Reads the number's attempts once.
-- name: calls_of_number
SELECT count(*) FILTER (WHERE attempt_number IS NOT NULL AND created_at >= :day_start) AS attempts,
       count(*) FILTER (WHERE created_at >= :day_start AND (connected_at IS NOT NULL OR outcome = 'completed')) AS conversations,
       max(ended_at) FILTER (WHERE outcome = 'abandoned' AND direction = 'outbound') AS abandoned_at,
       max(ended_at) FILTER (WHERE direction = 'outbound' AND outcome <> 'refused') AS called_at,
       max(ended_at) FILTER (WHERE outcome <> 'machine' AND (connected_at IS NOT NULL OR outcome = 'completed')) AS talked_at
FROM attempt WHERE phone_id = :phone_id;

-- name: registers_with_number
SELECT register FROM registered WHERE e164 = :number ORDER BY register;
