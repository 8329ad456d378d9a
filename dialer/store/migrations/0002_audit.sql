-- What people did that must be answered for, in a hash chain (dialer/audit/chain.py). Nothing is ever changed or removed.
CREATE TABLE audit (
    number   INTEGER PRIMARY KEY,  -- 1, 2, 3, ... without a gap
    at       REAL NOT NULL,
    kind     TEXT NOT NULL,
    who      TEXT NOT NULL,
    what     TEXT NOT NULL,        -- JSON object of strings; ids and reasons, no name, no number
    previous TEXT NOT NULL,        -- digest of the entry before
    digest   TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit (at);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT raise(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit BEGIN
    SELECT raise(ABORT, 'the audit is append-only');
END;
