-- Uploaded files in the spool. Each is a small database of its own, so that it is encrypted like the store.

-- name: insert_piece
INSERT INTO piece (number, content) VALUES (:number, :content);

-- name: pieces
SELECT content FROM piece ORDER BY number;
