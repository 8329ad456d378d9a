-- Coaching notes in the desk's file. An erased number's notes are deleted with agents' notes (agent_records.sql).

-- name: add_note
INSERT INTO coaching_note (note_id, attempt_id, phone_id, campaign_id, call_at, agent, author, text, at, read_at)
VALUES (:note_id, :attempt_id, :phone_id, :campaign_id, :call_at, :agent, :author, :text, :at, :read_at);

-- name: notes_of_call
SELECT note_id, attempt_id, phone_id, campaign_id, call_at, agent, author, text, at, read_at FROM coaching_note
WHERE attempt_id = :attempt_id ORDER BY at, note_id;

-- name: note
SELECT note_id, attempt_id, phone_id, campaign_id, call_at, agent, author, text, at, read_at FROM coaching_note
WHERE note_id = :note_id;

-- name: latest_notes_of_each_agent
SELECT note_id, attempt_id, phone_id, campaign_id, call_at, agent, author, text, at, read_at FROM (
    SELECT *, row_number() OVER (PARTITION BY agent ORDER BY read_at IS NOT NULL, at DESC) AS place FROM coaching_note
) WHERE place <= :most ORDER BY at DESC, note_id;

-- name: mark_as_read
UPDATE coaching_note SET read_at = coalesce(read_at, :at) WHERE note_id = :note_id AND agent = :agent;

-- name: delete_note
DELETE FROM coaching_note WHERE note_id = :note_id;
