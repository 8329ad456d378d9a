-- Booth workers: who stands at a polling booth with the list, and is called for the serials of those who have voted.
CREATE TABLE worker (
    worker_id INTEGER PRIMARY KEY,
    phone_id  INTEGER NOT NULL UNIQUE REFERENCES phone,
    name      TEXT    NOT NULL DEFAULT '',
    language  TEXT    NOT NULL DEFAULT '',                 -- ISO 639-1; '' = the booth's
    gone      INTEGER NOT NULL DEFAULT 0                   -- no longer on the list: not called
);
CREATE TABLE worker_booth (
    worker_id INTEGER NOT NULL REFERENCES worker,
    booth_id  INTEGER NOT NULL REFERENCES booth,
    PRIMARY KEY (worker_id, booth_id)
) WITHOUT ROWID;

-- A serial that a worker gave and that nobody has. The key is that which the mark would have had.
CREATE TABLE unknown_serial (
    key        TEXT    PRIMARY KEY,
    attempt_id TEXT    NOT NULL,
    worker_id  INTEGER NOT NULL REFERENCES worker,
    serial     INTEGER NOT NULL,
    booth_id   INTEGER,                                    -- NULL: no part of the worker's
    at         REAL    NOT NULL
) WITHOUT ROWID;

ALTER TABLE mark ADD COLUMN worker_id INTEGER REFERENCES worker;  -- who said so, of source booth-worker
ALTER TABLE mark ADD COLUMN undoes TEXT;                          -- key of the mark that this one takes back
CREATE INDEX mark_of_call ON mark (attempt_id) WHERE worker_id IS NOT NULL;

-- A worker's call addresses no voter. SQLite cannot drop NOT NULL, so the table is made anew; foreign keys are not in force here.
CREATE TABLE attempt_anew (
    attempt_id      TEXT    PRIMARY KEY,                   -- UUID: the channel's id and the Originate's ActionID too
    campaign_id     TEXT    NOT NULL REFERENCES campaign,
    phone_id        INTEGER NOT NULL REFERENCES phone,
    voter_id        INTEGER REFERENCES voter,              -- whom the call addresses
    worker_id       INTEGER REFERENCES worker,             -- or this booth worker
    attempt_number  INTEGER,                               -- NULL: refused, so never placed, and its number given back
    trunk           TEXT    NOT NULL,
    caller_id       TEXT    NOT NULL,
    created_at      REAL    NOT NULL,                      -- committed before the Originate is written
    ringing_at      REAL,
    answered_at     REAL,
    connected_at    REAL,
    ended_at        REAL,
    outcome         TEXT,
    cause           INTEGER,
    technical_cause TEXT,
    seat            TEXT,
    agent           TEXT,
    disposition     TEXT,
    disposed_at     REAL,
    flow            TEXT,
    left_at         TEXT,
    direction       TEXT    NOT NULL DEFAULT 'outbound' CHECK (direction IN ('outbound', 'inbound')),
    UNIQUE (phone_id, campaign_id, attempt_number),
    CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CHECK ((voter_id IS NULL) <> (worker_id IS NULL))
);
INSERT INTO attempt_anew (
    attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at, ringing_at, answered_at,
    connected_at, ended_at, outcome, cause, technical_cause, seat, agent, disposition, disposed_at, flow, left_at, direction
)
SELECT attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at, ringing_at, answered_at,
       connected_at, ended_at, outcome, cause, technical_cause, seat, agent, disposition, disposed_at, flow, left_at, direction
FROM attempt ORDER BY rowid;
DROP TABLE attempt;
ALTER TABLE attempt_anew RENAME TO attempt;
CREATE UNIQUE INDEX attempt_one_open ON attempt (phone_id) WHERE ended_at IS NULL AND direction = 'outbound';
CREATE INDEX attempt_open ON attempt (phone_id) WHERE ended_at IS NULL;
CREATE INDEX attempt_ended ON attempt (campaign_id, direction, created_at, outcome) WHERE outcome IS NOT NULL;
