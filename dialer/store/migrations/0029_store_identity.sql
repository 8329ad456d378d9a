-- The store's identity, by which headquarters tells it from other stores of the same centre. Its row is written when the store is
-- opened for writing (dialer/store/identity.py).
CREATE TABLE store_identity (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    incarnation  TEXT NOT NULL,     -- new in a new store, after a restore, and when a copy is opened
    previous     TEXT,              -- that of the store that this is a copy of; '': it had none; null: this is no copy
    begins_after INTEGER NOT NULL,  -- headquarters has the outbox up to this id from the earlier store
    place        TEXT NOT NULL,     -- machine and inode of the file
    token        TEXT NOT NULL      -- changes at each opening, and is also in a file next to the store
);
