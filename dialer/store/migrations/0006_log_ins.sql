-- Which agent has which seat, so that a dialler that died finds its agents again.
CREATE TABLE log_in (
    seat     TEXT PRIMARY KEY,
    agent    TEXT    NOT NULL,
    paused   INTEGER NOT NULL,
    reason   TEXT,
    at       REAL    NOT NULL
) WITHOUT ROWID;
