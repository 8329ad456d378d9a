-- Several secrets at once, so that centres can change theirs while opt-outs are known under the earlier one.
DROP INDEX IF EXISTS phone_hash_by_hash;
ALTER TABLE phone_hash RENAME TO phone_hash_of_one;
ALTER TABLE hash_secret RENAME TO hash_secret_alone;

CREATE TABLE hash_secret (
    secret      INTEGER PRIMARY KEY,
    fingerprint TEXT    NOT NULL UNIQUE,
    tells       INTEGER NOT NULL DEFAULT 0                 -- 1: the one that our own opt-outs are told under
);
INSERT INTO hash_secret (secret, fingerprint, tells) SELECT 1, fingerprint, 1 FROM hash_secret_alone;

CREATE TABLE phone_hash (
    phone_id    INTEGER NOT NULL REFERENCES phone,
    secret      INTEGER NOT NULL REFERENCES hash_secret,
    number_hash TEXT    NOT NULL,
    PRIMARY KEY (phone_id, secret)
) WITHOUT ROWID;
INSERT INTO phone_hash (phone_id, secret, number_hash) SELECT phone_id, 1, number_hash FROM phone_hash_of_one ORDER BY phone_id;
CREATE INDEX phone_hash_by_hash ON phone_hash (number_hash);

DROP TABLE phone_hash_of_one;
DROP TABLE hash_secret_alone;
