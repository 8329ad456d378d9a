-- Answers of callers in flows, and of voters to an agent's script.

-- name: set_answer
INSERT INTO flow_answer (attempt_id, name, value, at) VALUES (:attempt_id, :name, :value, :at)
ON CONFLICT (attempt_id, name) DO UPDATE SET value = :value, at = :at WHERE value <> :value;

-- name: delete_answer
DELETE FROM flow_answer WHERE attempt_id = :attempt_id AND name = :name;

-- name: answers
SELECT name, value FROM flow_answer WHERE attempt_id = :attempt_id ORDER BY name;

-- name: call_of_answers
SELECT campaign_id, voter_id FROM attempt WHERE attempt_id = :attempt_id;
