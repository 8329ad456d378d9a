-- Marks: facts that became known about voters. They are appended and never changed.

-- name: voter
SELECT booth_id, turnout, reached AS contacted, turnout = 'pending' AND not_yet = 1 AS not_yet FROM voter WHERE voter_id = :voter_id;

-- name: insert_mark
INSERT INTO mark (key, voter_id, kind, hour, source, at, attempt_id, agent, confidence, worker_id, undoes)
VALUES (:key, :voter_id, :kind, :hour, :source, :at, :attempt_id, :agent, :confidence, :worker_id, :undoes)
ON CONFLICT (key) DO NOTHING;

-- name: is_same_mark
SELECT EXISTS (
    SELECT 1 FROM mark WHERE key = :key AND voter_id = :voter_id AND kind = :kind AND hour IS :hour AND undoes IS :undoes
);

-- name: is_voter_mark_stored
SELECT EXISTS (SELECT 1 FROM mark WHERE key = :key);

-- name: kind_of_mark
SELECT kind FROM mark WHERE key = :key;

-- The marks of a voter up to a time, without those that were undone, in the order they were recorded. A mark that
-- undoes another says nothing else.
-- name: marks_in_force
SELECT mark.kind, mark.source, mark.at FROM mark
WHERE mark.voter_id = :voter_id AND mark.undoes IS NULL AND mark.at <= :at
  AND NOT EXISTS (SELECT 1 FROM mark AS later WHERE later.voter_id = :voter_id AND later.undoes = mark.key AND later.at <= :at)
ORDER BY mark.mark_id;

-- name: last_mark_of_worker_call
SELECT mark.key, mark.voter_id FROM mark INDEXED BY mark_of_call
WHERE mark.attempt_id = :attempt_id AND mark.worker_id IS NOT NULL AND mark.undoes IS NULL
  AND NOT EXISTS (SELECT 1 FROM mark AS later WHERE later.voter_id = mark.voter_id AND later.undoes = mark.key)
ORDER BY mark.mark_id DESC LIMIT 1;

-- Keys that start with :key/ are between that and :key0, for 0 follows / in ASCII.
-- name: voters_with_key
SELECT voter_id FROM mark WHERE key = :key OR key > :key || '/' AND key < :key || '0' ORDER BY +mark_id;

-- name: set_status
UPDATE voter SET turnout = :turnout, not_yet = :not_yet, reached = :contacted WHERE voter_id = :voter_id;

-- name: phone_of_attempt
SELECT phone_id FROM attempt WHERE attempt_id = :attempt_id;

-- name: drop_link
UPDATE link SET dropped_at = :at WHERE voter_id = :voter_id AND phone_id = :phone_id AND dropped_at IS NULL;

-- Only a link that the undone mark had dropped, and no earlier one.
-- name: restore_link
UPDATE link SET dropped_at = NULL
WHERE voter_id = :voter_id AND phone_id = :phone_id AND dropped_at = (SELECT at FROM mark WHERE key = :undoes);

-- The voter's numbers on which nobody is pending.
-- name: silent_phones
SELECT own.phone_id FROM link AS own
WHERE own.voter_id = :voter_id AND own.dropped_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
    WHERE link.phone_id = own.phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending'
);

-- name: is_silent
SELECT NOT EXISTS (
    SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
    WHERE link.phone_id = :phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending'
);

-- name: has_callable_number
SELECT EXISTS (
    SELECT 1 FROM link CROSS JOIN phone ON phone.phone_id = link.phone_id
    WHERE link.voter_id = :voter_id AND link.dropped_at IS NULL AND phone.opted_out_at IS NULL
);

-- name: insert_unknown_serial
INSERT INTO unknown_serial (key, attempt_id, worker_id, serial, booth_id, at) VALUES (:key, :attempt_id, :worker_id, :serial, :booth_id, :at)
ON CONFLICT (key) DO NOTHING;
