-- The settings as the dialler last started with them, key by key and without secrets, so that a start can tell what was changed.
CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
