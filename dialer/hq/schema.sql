-- Headquarters' database (PostgreSQL). Applied at each start: renames what an earlier version named otherwise, and creates what is
-- missing. Times are epoch seconds unless they are of type timestamptz.

ALTER TABLE IF EXISTS announced RENAME TO result;
ALTER TABLE IF EXISTS side RENAME TO peer_update;
DO $$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT child.relname AS name FROM pg_inherits
        JOIN pg_class AS child ON child.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent
        WHERE parent.relname = 'result' AND child.relname LIKE 'announced\_%'
    LOOP
        EXECUTE format('ALTER TABLE %I RENAME TO %I', old.name, replace(old.name, 'announced_', 'result_'));
    END LOOP;
    FOR old IN
        SELECT renamed.* FROM (VALUES
            ('centre', 'heard_at', 'committed_at'), ('centre', 'made_at', 'created_at'), ('centre', 'lost', 'lost_rows'),
            ('centre', 'trouble', 'problem'), ('centre', 'trouble_at', 'problem_at'),
            ('voter', 'reached', 'contacted'), ('turnout', 'reached', 'contacted'),
            ('test_mark', 'at', 'sent_at'), ('test_mark', 'came_at', 'committed_at')
        ) AS renamed (in_table, before, after)
        JOIN information_schema.columns
            ON table_schema = current_schema() AND table_name = renamed.in_table AND column_name = renamed.before
    LOOP
        EXECUTE format('ALTER TABLE %I RENAME COLUMN %I TO %I', old.in_table, old.before, old.after);
    END LOOP;
END $$;

-- Centres, and up to which id the outbox of each one's accepted store is committed here.
CREATE TABLE IF NOT EXISTS centre (
    centre       text PRIMARY KEY,
    zone         text NOT NULL,
    last_id      bigint NOT NULL DEFAULT 0,
    committed_at double precision,             -- when its last batch was committed
    created_at   double precision,             -- when the newest of its rows was created, by its own clock
    lost_rows    bigint NOT NULL DEFAULT 0,    -- rows that its outbox had deleted before they were committed here
    problem      text,                         -- why its last batch was rejected, or what is wrong with its clock; null: nothing
    problem_at   double precision
);

-- The stores that have sent results as a centre. Each has row ids of its own (dialer/hq/stores.py).
CREATE TABLE IF NOT EXISTS centre_store (
    centre      text NOT NULL,
    incarnation text NOT NULL,                 -- '': of a Matdan that had no incarnations
    previous    text,                          -- the incarnation that it is a copy of
    state       text NOT NULL CHECK (state IN ('accepted', 'waiting', 'refused', 'replaced')),
    last_id     bigint NOT NULL,               -- up to which its outbox is committed here
    first_at    double precision NOT NULL,     -- when its first batch arrived
    run         text NOT NULL,                 -- changes each time the store is opened
    PRIMARY KEY (centre, incarnation)
);
-- false: it replaced another store, and no person has confirmed that
ALTER TABLE centre_store ADD COLUMN IF NOT EXISTS confirmed boolean NOT NULL DEFAULT true;
CREATE UNIQUE INDEX IF NOT EXISTS centre_store_accepted ON centre_store (centre) WHERE state = 'accepted';
INSERT INTO centre_store SELECT centre, '', NULL, 'accepted', last_id, 0, '' FROM centre
WHERE last_id > 0 AND NOT EXISTS (SELECT FROM centre_store WHERE centre_store.centre = centre.centre);

-- Rows that were not stored as results, with the reason. Those with `retry` are tried again when a gatherer starts.
CREATE TABLE IF NOT EXISTS set_aside (
    centre      text NOT NULL,
    incarnation text NOT NULL,
    id          bigint NOT NULL,
    topic       text NOT NULL,
    at          double precision NOT NULL,     -- when it was set aside
    created_at  double precision NOT NULL,     -- when it was created, by the centre's clock
    payload     text NOT NULL,
    reason      text NOT NULL,
    retry       boolean NOT NULL,
    PRIMARY KEY (centre, incarnation, id)
);

-- The position up to which a stream is committed. The name of a stream includes when it was created.
CREATE TABLE IF NOT EXISTS stream_position (
    stream   text PRIMARY KEY,
    position bigint NOT NULL
);
-- when nats-server stored the message at the position, by its clock; null: unknown
ALTER TABLE stream_position ADD COLUMN IF NOT EXISTS stored_at double precision;

-- Results of centres except marks, partitioned by day. Old days are dropped.
CREATE TABLE IF NOT EXISTS result (
    at      timestamptz NOT NULL,
    centre  text NOT NULL,
    topic   text NOT NULL,
    key     text NOT NULL,                     -- the same when a restored centre sends a result again
    id      bigint NOT NULL,                   -- in the centre's outbox
    payload jsonb NOT NULL,
    PRIMARY KEY (at, centre, topic, key)
) PARTITION BY RANGE (at);
CREATE TABLE IF NOT EXISTS result_other PARTITION OF result DEFAULT;

-- By the digest of a sealed epoch, to find the epoch that a restored store continues.
CREATE INDEX IF NOT EXISTS result_sealed_epoch ON result (centre, key) WHERE topic = 'results/sealed-epochs';

-- What headquarters knows of the sealed epochs of a centre's store (dialer/hq/seal_chains.py). Epochs are JSON.
CREATE TABLE IF NOT EXISTS seal_chain (
    centre          text NOT NULL,
    incarnation     text NOT NULL,
    first_keys      text[] NOT NULL,           -- public keys with which its chains of keys begin
    unaccepted_keys text[] NOT NULL,           -- those of chains that began after a contradiction
    head            text,                      -- the last epoch without a contradiction; null: there was none
    latest          text NOT NULL,             -- the last epoch
    may_start       boolean NOT NULL,          -- whether a new chain of keys may begin
    contradiction   text NOT NULL,             -- how an epoch after `head` contradicts the earlier ones; '': none does
    contradicted_at double precision,          -- when that epoch arrived
    PRIMARY KEY (centre, incarnation)
);

-- Marks of voters, partitioned by constituency.
CREATE TABLE IF NOT EXISTS mark (
    state_code          text NOT NULL,
    constituency_number integer NOT NULL,
    part_number         integer NOT NULL,
    serial              integer NOT NULL,
    roll_version        text NOT NULL,
    key                 text NOT NULL,
    number              bigint GENERATED ALWAYS AS IDENTITY, -- the order of arrival
    kind                text NOT NULL,
    source              text NOT NULL,
    at                  double precision NOT NULL,
    undoes              text,
    centre              text NOT NULL,
    id                  bigint NOT NULL,
    payload             jsonb NOT NULL,
    PRIMARY KEY (state_code, constituency_number, part_number, serial, roll_version, key)
) PARTITION BY HASH (state_code, constituency_number);

-- The latest answer of a voter to each question, partitioned by constituency.
CREATE TABLE IF NOT EXISTS answer (
    state_code          text NOT NULL,
    constituency_number integer NOT NULL,
    part_number         integer NOT NULL,
    serial              integer NOT NULL,
    roll_version        text NOT NULL,
    question            text NOT NULL,
    value               text,                  -- null: the answer was withdrawn
    at                  double precision NOT NULL,
    centre              text NOT NULL,
    PRIMARY KEY (state_code, constituency_number, part_number, serial, roll_version, question)
) PARTITION BY HASH (state_code, constituency_number);

-- The status of voters by their marks.
CREATE TABLE IF NOT EXISTS voter (
    state_code          text NOT NULL,
    constituency_number integer NOT NULL,
    part_number         integer NOT NULL,
    serial              integer NOT NULL,
    roll_version        text NOT NULL,
    turnout             text NOT NULL,
    contacted           boolean NOT NULL,
    not_yet             boolean NOT NULL,
    PRIMARY KEY (state_code, constituency_number, part_number, serial, roll_version)
) PARTITION BY HASH (state_code, constituency_number);

-- Numbers of voters contacted, voted and not yet voted: of booths, constituencies, states, zones (of the reporting centre) and all.
CREATE TABLE IF NOT EXISTS turnout (
    kind                text NOT NULL CHECK (kind IN ('booth', 'constituency', 'state', 'zone', 'all')),
    zone                text NOT NULL DEFAULT '',
    state_code          text NOT NULL DEFAULT '',
    constituency_number integer NOT NULL DEFAULT 0,
    part_number         integer NOT NULL DEFAULT 0,
    contacted           bigint NOT NULL DEFAULT 0,
    voted               bigint NOT NULL DEFAULT 0,
    not_yet             bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, zone, state_code, constituency_number, part_number)
);

-- Counters of a centre's day: attempts, outcome/... (all calls), inbound/... (outcomes of inbound calls), disposition/..., mark/...,
-- opt-outs, seconds of seats as seat/..., and of campaigns with machine detection flow-answers and people-taken-for-machines.
CREATE TABLE IF NOT EXISTS day_count (
    centre text NOT NULL,
    day    date NOT NULL,
    what   text NOT NULL,
    count  double precision NOT NULL,
    PRIMARY KEY (centre, day, what)
);

CREATE TABLE IF NOT EXISTS opt_out (
    number_hash text PRIMARY KEY,
    at          double precision NOT NULL,
    centre      text NOT NULL
);

-- Peer updates that are not in the stream yet: committed with the results that they announce, and deleted once they are stored there.
CREATE TABLE IF NOT EXISTS peer_update (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    data    bytea NOT NULL
);

-- The time of the newest mark that changed the figures.
ALTER TABLE turnout ADD COLUMN IF NOT EXISTS at double precision;

-- The booths whose voters a centre has reported marks of.
CREATE TABLE IF NOT EXISTS centre_booth (
    centre              text NOT NULL,
    state_code          text NOT NULL,
    constituency_number integer NOT NULL,
    part_number         integer NOT NULL,
    PRIMARY KEY (centre, state_code, constituency_number, part_number)
);
INSERT INTO centre_booth SELECT DISTINCT centre, state_code, constituency_number, part_number FROM mark
WHERE NOT EXISTS (SELECT FROM centre_booth) ON CONFLICT DO NOTHING;

-- The last test mark of each centre.
CREATE TABLE IF NOT EXISTS test_mark (
    centre       text PRIMARY KEY,
    sent_at      double precision NOT NULL,
    committed_at double precision NOT NULL
);

-- Official turnout of a constituency (part 0) or a booth, as the election authority published it.
CREATE TABLE IF NOT EXISTS official (
    state_code          text NOT NULL,
    constituency_number integer NOT NULL,
    part_number         integer NOT NULL,
    at                  double precision NOT NULL,
    electors            bigint NOT NULL,
    share               double precision NOT NULL,   -- of the electors who have voted (0-1)
    PRIMARY KEY (state_code, constituency_number, part_number, at)
);

-- Users of headquarters' pages.
CREATE TABLE IF NOT EXISTS account (
    name       text PRIMARY KEY,
    role       text NOT NULL,
    zone       text NOT NULL DEFAULT '',       -- the only zone that the user sees; '': all zones
    added_at   double precision NOT NULL,
    changed_at double precision NOT NULL       -- when role or zone changed: earlier sessions end
);

CREATE TABLE IF NOT EXISTS incident (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    zone      text NOT NULL,
    centre    text NOT NULL DEFAULT '',        -- '': the whole zone
    text      text NOT NULL,
    opened_by text NOT NULL,
    opened_at double precision NOT NULL,
    owner     text NOT NULL,                   -- the user who is responsible for it
    closed_by text,
    closed_at double precision
);

-- Proposals, which a second person confirms or declines.
CREATE TABLE IF NOT EXISTS proposal (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,                 -- material, rollout (in waves), resume
    "to"        text NOT NULL,                 -- all, zone:NAME, centre:ID
    text        text NOT NULL,                 -- material, rollout: name and version; resume: the reason
    proposed_by text NOT NULL,
    proposed_at double precision NOT NULL,
    answered_by text,
    answered_at double precision,
    state       text NOT NULL DEFAULT 'open',  -- confirmed, declined, done, failed
    result      text NOT NULL DEFAULT ''
);

-- Actions of users, each entry hash-chained to the one before (dialer/domain/audit_chain.py).
CREATE TABLE IF NOT EXISTS audit (
    number   bigint PRIMARY KEY,
    at       double precision NOT NULL,
    kind     text NOT NULL,
    who      text NOT NULL,
    what     text NOT NULL,
    previous text NOT NULL,
    digest   text NOT NULL
);
