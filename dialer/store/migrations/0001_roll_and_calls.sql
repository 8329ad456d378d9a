-- The roll: booths, voters, phones, and the links between voters and phones (many to many).
CREATE TABLE booth (
    booth_id            INTEGER PRIMARY KEY,
    roll_version        TEXT    NOT NULL,
    state_code          TEXT    NOT NULL,
    constituency_number INTEGER NOT NULL,
    constituency_name   TEXT    NOT NULL DEFAULT '',
    part_number         INTEGER NOT NULL,
    name                TEXT    NOT NULL DEFAULT '',
    name_local          TEXT    NOT NULL DEFAULT '',
    language            TEXT    NOT NULL DEFAULT '',       -- ISO 639-1; '' = the centre's
    closes_at           TEXT    NOT NULL DEFAULT '18:00',  -- local time of the poll
    UNIQUE (roll_version, state_code, constituency_number, part_number)
);

CREATE TABLE voter (
    voter_id    INTEGER PRIMARY KEY,
    booth_id    INTEGER NOT NULL REFERENCES booth,
    serial      INTEGER NOT NULL,                          -- serial number in the part
    epic        TEXT    NOT NULL DEFAULT '',
    name        TEXT    NOT NULL DEFAULT '',
    name_local  TEXT    NOT NULL DEFAULT '',
    relation    TEXT    NOT NULL DEFAULT '',               -- F father, M mother, H husband, O other
    relation_name TEXT  NOT NULL DEFAULT '',
    sex         TEXT    NOT NULL DEFAULT '',
    age         INTEGER,
    house       TEXT    NOT NULL DEFAULT '',
    section     TEXT    NOT NULL DEFAULT '',
    language    TEXT    NOT NULL DEFAULT '',               -- '' = the booth's
    turnout     TEXT    NOT NULL DEFAULT 'pending'         -- projection of the marks; "voted" wins
                CHECK (turnout IN ('pending', 'voted', 'closed')),
    reached     INTEGER NOT NULL DEFAULT 0,                -- has a mark
    not_yet     INTEGER NOT NULL DEFAULT 0,                -- the last mark said so
    UNIQUE (booth_id, serial)
);
CREATE INDEX voter_reached ON voter (booth_id, turnout, not_yet) WHERE reached = 1;

CREATE TABLE phone (
    phone_id     INTEGER PRIMARY KEY,
    e164         TEXT    NOT NULL UNIQUE,
    opted_out_at REAL                                      -- set with a row of opt_out, in the same transaction
);

CREATE TABLE link (
    voter_id   INTEGER NOT NULL REFERENCES voter,
    phone_id   INTEGER NOT NULL REFERENCES phone,
    source     TEXT    NOT NULL DEFAULT 'roll',
    dropped_at REAL,                                       -- a wrong number drops the link, not the voter
    PRIMARY KEY (voter_id, phone_id)
) WITHOUT ROWID;
CREATE INDEX link_by_phone ON link (phone_id, voter_id) WHERE dropped_at IS NULL;

-- Survives any re-import: keyed by the number itself.
CREATE TABLE opt_out (
    e164       TEXT PRIMARY KEY,
    at         REAL NOT NULL,
    source     TEXT NOT NULL,
    attempt_id TEXT
) WITHOUT ROWID;

CREATE TABLE import_run (
    import_id  INTEGER PRIMARY KEY,
    at         REAL    NOT NULL,
    file_name  TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    rows       INTEGER NOT NULL,
    voters     INTEGER NOT NULL,
    numbers    INTEGER NOT NULL,
    links      INTEGER NOT NULL,
    rejected   INTEGER NOT NULL,
    unchanged  INTEGER NOT NULL
);

-- Campaigns and their queues: a target is one number in one campaign.
CREATE TABLE campaign (
    campaign_id TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    purpose     TEXT NOT NULL,
    state       TEXT NOT NULL DEFAULT 'running',
    pacer_state TEXT                                       -- JSON of what the pacer learned
);

CREATE TABLE target (
    campaign_id   TEXT    NOT NULL REFERENCES campaign,
    phone_id      INTEGER NOT NULL REFERENCES phone,
    state         TEXT    NOT NULL DEFAULT 'due'
                  CHECK (state IN ('due', 'claimed', 'dialling', 'closed')),
    due_at        REAL    NOT NULL DEFAULT 0,              -- 0 = fresh, never dialled; else not before this epoch second
    rank          REAL    NOT NULL DEFAULT 0,              -- among fresh ones the lowest goes first
    attempts      INTEGER NOT NULL DEFAULT 0,
    claimed_by    TEXT,
    claimed_until REAL,
    UNIQUE (phone_id, campaign_id)                         -- no WITHOUT ROWID: updates are what this table sees most
);
CREATE INDEX target_fresh ON target (campaign_id, rank, phone_id, attempts) WHERE state = 'due' AND due_at = 0;
CREATE INDEX target_timed ON target (campaign_id, due_at, phone_id, attempts) WHERE state = 'due' AND due_at > 0;
CREATE INDEX target_claimed ON target (claimed_until) WHERE state = 'claimed';
-- For counting: what is closed is counted from this index alone.
CREATE INDEX target_closed ON target (campaign_id) WHERE state = 'closed';

CREATE TABLE attempt (
    attempt_id      TEXT    PRIMARY KEY,                   -- UUID: the channel's id and the Originate's ActionID too
    campaign_id     TEXT    NOT NULL REFERENCES campaign,
    phone_id        INTEGER NOT NULL REFERENCES phone,
    voter_id        INTEGER NOT NULL REFERENCES voter,     -- whom the call addresses
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
    UNIQUE (phone_id, campaign_id, attempt_number),
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE UNIQUE INDEX attempt_one_open ON attempt (phone_id) WHERE ended_at IS NULL;
CREATE INDEX attempt_ended ON attempt (campaign_id, created_at, outcome) WHERE outcome IS NOT NULL;

CREATE TABLE mark (
    mark_id    INTEGER PRIMARY KEY,
    key        TEXT    NOT NULL UNIQUE,                    -- a repeat of the same key is recorded once
    voter_id   INTEGER NOT NULL REFERENCES voter,
    kind       TEXT    NOT NULL,
    hour       INTEGER,
    source     TEXT    NOT NULL,
    at         REAL    NOT NULL,
    attempt_id TEXT,
    agent      TEXT
);
CREATE INDEX mark_by_voter ON mark (voter_id);
CREATE INDEX mark_by_time ON mark (at);

CREATE TABLE seat_interval (
    interval_id INTEGER PRIMARY KEY,
    seat        TEXT NOT NULL,
    agent       TEXT,
    state       TEXT NOT NULL,
    from_at     REAL NOT NULL,
    until_at    REAL NOT NULL,
    reason      TEXT
);
CREATE UNIQUE INDEX seat_interval_once ON seat_interval (from_at, seat, state);

-- Announcements wait here, committed with the results they announce, until the broker has taken them.
CREATE TABLE outbox (
    outbox_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    topic      TEXT NOT NULL,
    payload    TEXT NOT NULL,
    at         REAL NOT NULL
);

-- A command from outside is executed once, however often it is delivered.
CREATE TABLE command (
    command_id  TEXT PRIMARY KEY,
    at          REAL NOT NULL,
    name        TEXT NOT NULL,
    reply       TEXT NOT NULL
) WITHOUT ROWID;
