-- What the rules need of numbers: consent, do-not-call registers, and opt-outs that other centres told of.
ALTER TABLE phone ADD COLUMN consent TEXT NOT NULL DEFAULT 'unknown';  -- unknown, given, withdrawn
ALTER TABLE phone ADD COLUMN consent_source TEXT NOT NULL DEFAULT '';
ALTER TABLE phone ADD COLUMN consent_at REAL;

CREATE TABLE register (
    name        TEXT PRIMARY KEY,
    dated       REAL    NOT NULL,                          -- when its keeper issued it
    imported_at REAL    NOT NULL,
    numbers     INTEGER NOT NULL,
    sha256      TEXT    NOT NULL
) WITHOUT ROWID;

-- Keyed by the number itself, as opt-outs are: it holds for numbers that a later roll brings.
CREATE TABLE registered (
    e164     TEXT NOT NULL,
    register TEXT NOT NULL REFERENCES register,
    PRIMARY KEY (e164, register)
) WITHOUT ROWID;

-- Opt-outs of other centres, under the shared secret: the number itself never travels.
CREATE TABLE opt_out_hash (
    number_hash TEXT PRIMARY KEY,
    at          REAL NOT NULL,
    centre      TEXT NOT NULL
) WITHOUT ROWID;

-- Our own numbers under the same hash, so that one told by another centre is found at once.
CREATE TABLE phone_hash (
    number_hash TEXT PRIMARY KEY,
    phone_id    INTEGER NOT NULL REFERENCES phone
) WITHOUT ROWID;
