-- Calls that were recorded. The sound is a file of Asterisk's, named by the attempt; it may have been erased since.
CREATE TABLE recording (
    attempt_id TEXT PRIMARY KEY REFERENCES attempt,
    started_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX recording_by_time ON recording (started_at);
