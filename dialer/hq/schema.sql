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
