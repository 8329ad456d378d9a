-- Agents' records in the desk's file.

-- name: end_sessions
DELETE FROM agent_session WHERE seat = :seat OR agent = :agent OR used_at < :before;

-- name: insert_session
INSERT INTO agent_session (digest, agent, seat, began_at, used_at) VALUES (:digest, :agent, :seat, :began_at, :used_at);

-- name: session
SELECT digest, agent, seat, began_at, used_at FROM agent_session WHERE digest = :digest;

-- name: use_session
UPDATE agent_session SET used_at = :at WHERE digest = :digest;

-- name: end_session
DELETE FROM agent_session WHERE digest = :digest;

-- name: other_call_with_note
SELECT attempt_id FROM note WHERE note_id = :note_id AND attempt_id <> :attempt_id;

-- name: set_note
INSERT INTO note (note_id, attempt_id, phone_id, text, at) VALUES (:note_id, :attempt_id, :phone_id, :text, :at)
ON CONFLICT (attempt_id) DO UPDATE SET note_id = excluded.note_id, text = excluded.text, at = excluded.at;

-- name: last_note
SELECT note_id, attempt_id, phone_id, text, at FROM note WHERE phone_id = :phone_id AND text <> '' ORDER BY at DESC LIMIT 1;

-- name: drafts
SELECT seat, attempt_id, phone_id, text FROM draft;

-- name: set_draft
INSERT INTO draft (seat, attempt_id, phone_id, text) VALUES (:seat, :attempt_id, :phone_id, :text)
ON CONFLICT (seat) DO UPDATE SET attempt_id = excluded.attempt_id, phone_id = excluded.phone_id, text = excluded.text;

-- Notes about one number, or about all numbers (NULL).
-- name: delete_notes
DELETE FROM note WHERE :phone_id IS NULL OR phone_id = :phone_id;

-- name: delete_coaching_notes
DELETE FROM coaching_note WHERE :phone_id IS NULL OR phone_id = :phone_id;

-- name: delete_drafts
DELETE FROM draft WHERE :phone_id IS NULL OR phone_id = :phone_id;
