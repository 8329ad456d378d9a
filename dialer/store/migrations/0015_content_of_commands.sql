-- An id that comes again with another content is refused, and not answered as if it were the first. Commands that were kept before know
-- theirs not, and were kept under an id alone: since then a command is its sender's, `sender/id`.
ALTER TABLE command ADD COLUMN content TEXT NOT NULL DEFAULT '';
