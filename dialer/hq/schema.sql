-- Headquarters' database (PostgreSQL). Applied at each start: it makes what is missing.

-- Centres, and up to which id of its outbox each is committed here.
CREATE TABLE IF NOT EXISTS centre (
    centre     text PRIMARY KEY,
    zone       text NOT NULL,
    last_id    bigint NOT NULL DEFAULT 0,
    heard_at   double precision,               -- epoch seconds: when its last batch was committed
    made_at    double precision,               -- when the newest of its rows was made, by its own clock
    lost       bigint NOT NULL DEFAULT 0,      -- ids that it had no more when we asked for them
    trouble    text,                           -- why its last batch was refused, or what is wrong with its clock; null: nothing
    trouble_at double precision
);

-- Up to where a stream is committed, by its name and the moment in which it was made.
CREATE TABLE IF NOT EXISTS stream_position (
    stream   text PRIMARY KEY,
    position bigint NOT NULL
);

-- What centres announced, but for marks: by days, which go one by one.
CREATE TABLE IF NOT EXISTS announced (
    at      timestamptz NOT NULL,
    centre  text NOT NULL,
    topic   text NOT NULL,
    key     text NOT NULL,                     -- of the news: what a restored centre announces again comes under the same one
    id      bigint NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (at, centre, topic, key)
) PARTITION BY RANGE (at);
CREATE TABLE IF NOT EXISTS announced_other PARTITION OF announced DEFAULT;

-- What became known of voters, by constituencies.
CREATE TABLE IF NOT EXISTS mark (
    state_code          text NOT NULL,
    constituency_number integer NOT NULL,
    part_number         integer NOT NULL,
    serial              integer NOT NULL,
    roll_version        text NOT NULL,
    key                 text NOT NULL,
    number              bigint GENERATED ALWAYS AS IDENTITY,
    kind                text NOT NULL,
    source              text NOT NULL,
    at                  double precision NOT NULL,
    undoes              text,
    centre              text NOT NULL,
    id                  bigint NOT NULL,
    payload             jsonb NOT NULL,
    PRIMARY KEY (state_code, constituency_number, part_number, serial, roll_version, key)
) PARTITION BY HASH (state_code, constituency_number);

-- What voters answered, the last word to each question, by constituencies.
CREATE TABLE IF NOT EXISTS answer (
    state_code          text NOT NULL,
    constituency_number integer NOT NULL,
    part_number         integer NOT NULL,
    serial              integer NOT NULL,
    roll_version        text NOT NULL,
    question            text NOT NULL,
    value               text,                  -- null: it is answered no more
    at                  double precision NOT NULL,
    centre              text NOT NULL,
    PRIMARY KEY (state_code, constituency_number, part_number, serial, roll_version, question)
) PARTITION BY HASH (state_code, constituency_number);

-- How voters stand by their marks.
CREATE TABLE IF NOT EXISTS voter (
    state_code          text NOT NULL,
    constituency_number integer NOT NULL,
    part_number         integer NOT NULL,
    serial              integer NOT NULL,
    roll_version        text NOT NULL,
    turnout             text NOT NULL,
    reached             boolean NOT NULL,
    not_yet             boolean NOT NULL,
    PRIMARY KEY (state_code, constituency_number, part_number, serial, roll_version)
) PARTITION BY HASH (state_code, constituency_number);

-- Voters reached, voted, still to go: of booths, constituencies, states, zones (of the centres that said so) and of all.
CREATE TABLE IF NOT EXISTS turnout (
    kind                text NOT NULL CHECK (kind IN ('booth', 'constituency', 'state', 'zone', 'all')),
    zone                text NOT NULL DEFAULT '',
    state_code          text NOT NULL DEFAULT '',
    constituency_number integer NOT NULL DEFAULT 0,
    part_number         integer NOT NULL DEFAULT 0,
    reached             bigint NOT NULL DEFAULT 0,
    voted               bigint NOT NULL DEFAULT 0,
    not_yet             bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, zone, state_code, constituency_number, part_number)
);

-- A centre's day: attempts, outcome/..., disposition/..., mark/..., opt-outs, and seconds of seats as seat/...
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

-- What centres are to be told of each other, committed with what it is of, until it stands in the stream.
CREATE TABLE IF NOT EXISTS side (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    data    bytea NOT NULL
);

-- When the newest mark that changed the figure was said, epoch seconds.
ALTER TABLE turnout ADD COLUMN IF NOT EXISTS at double precision;

-- Of which booths' voters a centre has said something.
CREATE TABLE IF NOT EXISTS centre_booth (
    centre              text NOT NULL,
    state_code          text NOT NULL,
    constituency_number integer NOT NULL,
    part_number         integer NOT NULL,
    PRIMARY KEY (centre, state_code, constituency_number, part_number)
);
INSERT INTO centre_booth SELECT DISTINCT centre, state_code, constituency_number, part_number FROM mark
WHERE NOT EXISTS (SELECT FROM centre_booth) ON CONFLICT DO NOTHING;

-- When a test mark of a centre was made, and when it stood here.
CREATE TABLE IF NOT EXISTS test_mark (
    centre  text PRIMARY KEY,
    at      double precision NOT NULL,
    came_at double precision NOT NULL
);

-- What the election authority says of a constituency (part 0) or a booth.
CREATE TABLE IF NOT EXISTS official (
    state_code          text NOT NULL,
    constituency_number integer NOT NULL,
    part_number         integer NOT NULL,
    at                  double precision NOT NULL,
    electors            bigint NOT NULL,
    share               double precision NOT NULL,   -- of them who have voted
    PRIMARY KEY (state_code, constituency_number, part_number, at)
);

-- Who may open headquarters' pages.
CREATE TABLE IF NOT EXISTS account (
    name       text PRIMARY KEY,
    role       text NOT NULL,
    zone       text NOT NULL DEFAULT '',       -- which alone this one sees; '': all
    added_at   double precision NOT NULL,
    changed_at double precision NOT NULL       -- of role or zone: no session from before goes on
);

CREATE TABLE IF NOT EXISTS incident (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    zone      text NOT NULL,
    centre    text NOT NULL DEFAULT '',        -- '': the zone
    text      text NOT NULL,
    opened_by text NOT NULL,
    opened_at double precision NOT NULL,
    owner     text NOT NULL,                   -- who sees to it
    closed_by text,
    closed_at double precision
);

-- What one person proposes and a second one answers.
CREATE TABLE IF NOT EXISTS proposal (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,
    "to"        text NOT NULL,                 -- all, zone:NAME, centre:ID
    text        text NOT NULL,                 -- of material its name and version
    proposed_by text NOT NULL,
    proposed_at double precision NOT NULL,
    answered_by text,
    answered_at double precision,
    state       text NOT NULL DEFAULT 'open',  -- confirmed, declined, done, failed
    result      text NOT NULL DEFAULT ''
);

-- What people did here, each entry chained to the one before (dialer/audit).
CREATE TABLE IF NOT EXISTS audit (
    number   bigint PRIMARY KEY,
    at       double precision NOT NULL,
    kind     text NOT NULL,
    who      text NOT NULL,
    what     text NOT NULL,
    previous text NOT NULL,
    digest   text NOT NULL
);
