-- What headquarters has ordered here, for as long as anything so old may still be valid. A stop stands until it is lifted; `stopped`
-- are the campaigns that it stopped, with their states before, as JSON.
CREATE TABLE headquarters_order (
    order_id  TEXT PRIMARY KEY,
    digest    TEXT NOT NULL,
    kind      TEXT NOT NULL,
    made_at   REAL NOT NULL,
    stopped   TEXT,
    lifted_at REAL
) WITHOUT ROWID;
