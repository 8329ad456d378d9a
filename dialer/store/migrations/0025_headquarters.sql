-- Who takes from the outbox, and up to where. Without headquarters there is none: the broker alone takes, and what it took is gone.
CREATE TABLE outbox_sink (
    name       TEXT PRIMARY KEY CHECK (name IN ('mqtt', 'uplink')),
    passed     INTEGER NOT NULL,           -- id of the last row that it has taken
    most_bytes INTEGER                     -- of the uplink: what may wait before telemetry goes
) WITHOUT ROWID;

-- Up to where the news of other centres were taken: written with what they change.
CREATE TABLE news_position (
    stream   TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;
