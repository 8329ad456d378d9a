-- Call-backs that agents keep to themselves: at `at` the number is for the agent alone, where there and ready, and from `until` on, its
-- time in the queue, for anyone. One holds for as long as the number is due at that time: any later call or word gives it another one.
CREATE TABLE own_call_back (
    campaign_id TEXT NOT NULL REFERENCES campaign (campaign_id),
    phone_id    INTEGER NOT NULL REFERENCES phone (phone_id),
    agent       TEXT NOT NULL,
    attempt_id  TEXT NOT NULL,  -- in which it was asked for
    at          REAL NOT NULL,  -- epoch seconds
    until       REAL NOT NULL,
    PRIMARY KEY (campaign_id, phone_id)
) WITHOUT ROWID;
