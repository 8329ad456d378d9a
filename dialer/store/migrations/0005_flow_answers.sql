-- What a caller keyed in a flow that is no mark: how many at home, whether to be called back, which recording they left.
CREATE TABLE flow_answer (
    attempt_id TEXT NOT NULL REFERENCES attempt,
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    at         REAL NOT NULL,
    PRIMARY KEY (attempt_id, name)
) WITHOUT ROWID;
