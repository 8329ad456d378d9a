-- Calls that were recorded. The sound itself is a file, named by the attempt; it may have been erased since.

-- name: insert_recording
INSERT INTO recording (attempt_id, started_at) VALUES (:attempt_id, :started_at) ON CONFLICT (attempt_id) DO NOTHING;

-- name: was_recorded
SELECT EXISTS (SELECT 1 FROM recording JOIN attempt USING (attempt_id) WHERE attempt_id = :attempt_id AND ended_at IS NOT NULL);
