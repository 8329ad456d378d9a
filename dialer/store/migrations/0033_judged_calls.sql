-- Recorded calls that detection took for answering machines, and who answered them, as a person judged by listening.
CREATE TABLE judged_call (
    attempt_id TEXT PRIMARY KEY REFERENCES attempt,
    answered_by TEXT NOT NULL CHECK (answered_by IN ('person', 'machine')),
    judged_at  REAL NOT NULL,
    judged_by  TEXT NOT NULL                -- the user
) WITHOUT ROWID;
