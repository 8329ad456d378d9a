-- The records of a polling day beside the calls: how sure a mark is, what an undo opens again, official turnout, complaints.
ALTER TABLE mark ADD COLUMN confidence TEXT NOT NULL DEFAULT 'told';  -- seen (at the booth), said (of oneself), told (of another)
UPDATE mark SET confidence = CASE source WHEN 'booth-worker' THEN 'seen' WHEN 'voter-key' THEN 'said' WHEN 'agent' THEN 'said' ELSE 'told' END;
-- Evidence is appended; a correction is a mark of its own.
CREATE TRIGGER mark_is_not_changed BEFORE UPDATE ON mark BEGIN
    SELECT raise(ABORT, 'marks are append-only');
END;

-- Closed for the one reason that nobody on the number was pending: a correction opens it again, and nothing else that is closed.
ALTER TABLE target ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;

-- What the election authority tells: cumulative turnout by an hour of the poll. Appended; the last one that was entered counts.
CREATE TABLE official_turnout (
    figure_id           INTEGER PRIMARY KEY,
    day                 TEXT    NOT NULL,                  -- 2026-04-22
    constituency_number INTEGER NOT NULL,
    part_number         INTEGER,                           -- NULL: of the whole constituency
    by_time             TEXT    NOT NULL,                  -- 09:00, 11:00, ... or final
    share               REAL    NOT NULL CHECK (share BETWEEN 0 AND 1),
    entered_at          REAL    NOT NULL,
    who                 TEXT    NOT NULL
);
CREATE INDEX official_turnout_of ON official_turnout (day, constituency_number, part_number, by_time);

-- Complaints about calls, by ids alone; they outlive an erasure. No foreign keys, for attempts may be erased before them.
CREATE TABLE complaint (
    complaint_id INTEGER PRIMARY KEY,
    key          TEXT    NOT NULL UNIQUE,                  -- a repeat of the same key is recorded once
    at           REAL    NOT NULL,                         -- when it was made
    about        TEXT    NOT NULL,
    channel      TEXT    NOT NULL,
    campaign_id  TEXT,
    attempt_id   TEXT,                                     -- the call that it is about, where that is known
    phone_id     INTEGER,
    entered_at   REAL    NOT NULL,
    who          TEXT    NOT NULL
);
CREATE INDEX complaint_by_time ON complaint (at);

CREATE TABLE complaint_answer (
    answer_id    INTEGER PRIMARY KEY,
    key          TEXT    NOT NULL UNIQUE,
    complaint_id INTEGER NOT NULL REFERENCES complaint,
    at           REAL    NOT NULL,
    answer       TEXT    NOT NULL,
    who          TEXT    NOT NULL
);
CREATE INDEX complaint_answer_of ON complaint_answer (complaint_id, at);
