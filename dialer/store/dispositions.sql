-- Dispositions: what agents say about their calls.

-- name: attempt
SELECT attempt.campaign_id, attempt.phone_id, attempt_number, disposition, disposed_at, worker_id IS NOT NULL AS of_worker,
       voter_id, ended_at, CASE target.state WHEN 'due' THEN target.due_at END AS due_at
FROM attempt LEFT JOIN target ON target.campaign_id = attempt.campaign_id AND target.phone_id = attempt.phone_id
WHERE attempt_id = :attempt_id;

-- If the agent reports a machine, that is the outcome, until the agent says otherwise.
-- name: set_disposition
UPDATE attempt SET disposition = :disposition, disposed_at = :at, agent = coalesce(:agent, agent), note = coalesce(:note, note),
    outcome = CASE
        WHEN ended_at IS NULL THEN NULL
        WHEN :disposition = 'machine' THEN 'machine'
        WHEN outcome = 'machine' AND disposition = 'machine' THEN 'connected'
        ELSE outcome
    END
WHERE attempt_id = :attempt_id;

-- name: language_of
SELECT language FROM voter WHERE voter_id = :voter_id;

-- name: set_language
UPDATE voter SET language = :language WHERE voter_id = :voter_id;

-- A late disposition does not change a target that was dialled again since. During a call its target is being dialled,
-- and the end of the call decides when it is due.
-- name: update_target
UPDATE target SET state = :state, settled = :settled, due_at = coalesce(:due_at, due_at), promised = :promised, claimed_by = NULL, claimed_until = NULL
WHERE campaign_id = :campaign_id AND phone_id = :phone_id AND attempts = :attempts AND state <> 'dialling';
