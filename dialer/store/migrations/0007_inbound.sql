-- Calls that come in are attempts too, beside those that go out: a voter may call us while we call them.
ALTER TABLE attempt ADD COLUMN direction TEXT NOT NULL DEFAULT 'outbound' CHECK (direction IN ('outbound', 'inbound'));

DROP INDEX attempt_one_open;
CREATE UNIQUE INDEX attempt_one_open ON attempt (phone_id) WHERE ended_at IS NULL AND direction = 'outbound';
CREATE INDEX attempt_open ON attempt (phone_id) WHERE ended_at IS NULL;

DROP INDEX attempt_ended;
CREATE INDEX attempt_ended ON attempt (campaign_id, direction, created_at, outcome) WHERE outcome IS NOT NULL;

-- Every call that came in, from numbers of the roll and others; e164 is NULL where the caller withheld it.
CREATE TABLE inbound_call (
    inbound_id  INTEGER PRIMARY KEY,
    at          REAL    NOT NULL,
    called      TEXT    NOT NULL,                          -- which of our numbers
    e164        TEXT,
    mode        TEXT    NOT NULL,                          -- flow, agent, missed-call
    campaign_id TEXT    NOT NULL REFERENCES campaign,
    attempt_id  TEXT,                                      -- NULL: the number is not on the roll
    call_back   INTEGER NOT NULL DEFAULT 0                 -- the number was put up for a call back
);
CREATE INDEX inbound_call_by_time ON inbound_call (at);
