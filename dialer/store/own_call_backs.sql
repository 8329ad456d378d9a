-- Agents' own call-backs: at `at` the number is called for the agent only, from `until` on by anyone.

-- name: delete_replaced_or_expired
DELETE FROM own_call_back WHERE campaign_id = :campaign_id AND phone_id = :phone_id OR until <= :now;

-- name: insert_call_back
INSERT INTO own_call_back (campaign_id, phone_id, agent, attempt_id, at, until)
VALUES (:campaign_id, :phone_id, :agent, :attempt_id, :at, :until);

-- name: call_backs
SELECT campaign_id, phone_id, agent, attempt_id, at, until FROM own_call_back WHERE until > :now ORDER BY at, campaign_id, phone_id;
