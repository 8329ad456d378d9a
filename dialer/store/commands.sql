-- Commands that were executed, so that a repeated one is answered and not executed again.

-- name: command
SELECT content, reply FROM command WHERE command_id = :command_id;

-- name: insert_command
INSERT INTO command (command_id, at, name, content, reply) VALUES (:command_id, :at, :name, :content, :reply)
ON CONFLICT (command_id) DO NOTHING;

-- name: delete_old_commands
DELETE FROM command WHERE command_id IN (
    SELECT command_id FROM command WHERE at < :before ORDER BY at LIMIT :limit
);

-- name: set_reply
UPDATE command SET reply = :reply WHERE command_id = :command_id;
