-- Every table that is evidence is sealed: the digests of its rows go into a log, which is signed epoch by epoch with keys that are
-- destroyed (dialer/store/sealer.py). Nothing here is secret. Sealing starts again with the rows as they are found.
CREATE TABLE consent_forgotten (phone_id INTEGER PRIMARY KEY);  -- consents of an earlier version, of which only seals were left
INSERT INTO consent_forgotten (phone_id)
SELECT row_id FROM seal WHERE entity = 'consent' AND salt IS NOT NULL GROUP BY row_id
HAVING count(*) > 1 + (SELECT count(*) FROM consent_before WHERE consent_before.phone_id = seal.row_id);
DROP TABLE seal;

DROP TRIGGER phone_takes_over_its_consent;
DROP TABLE consent_taken;
CREATE TRIGGER phone_takes_over_its_consent AFTER INSERT ON phone
WHEN EXISTS (SELECT 1 FROM consent_ahead WHERE e164 = NEW.e164) BEGIN
    UPDATE phone SET (consent, consent_source, consent_at) = (SELECT consent, source, at FROM consent_ahead WHERE e164 = NEW.e164)
    WHERE phone_id = NEW.phone_id;
    DELETE FROM consent_ahead WHERE e164 = NEW.e164;
END;

CREATE TABLE seal_change (
    change_id INTEGER PRIMARY KEY,                         -- 1, 2, 3, ... without a gap; a purge of records removes the first ones
    evidence  TEXT NOT NULL,                               -- name of the table
    one       NOT NULL,                                    -- what names the row, or the block of rows; it leads to nobody
    two       NOT NULL,
    before    BLOB,                                        -- SHA-256 of the row as it was; NULL: there was none
    after     BLOB                                         -- and as it became; NULL: it was removed
);
-- Where names or numbers are in a row. An erasure replaces the salt, and the digests of before lead nowhere.
CREATE TABLE seal_salt (
    evidence TEXT NOT NULL,
    one      NOT NULL,
    two      NOT NULL,
    salt     BLOB NOT NULL,
    PRIMARY KEY (evidence, one, two)
) WITHOUT ROWID;
CREATE TABLE seal_epoch (
    epoch     INTEGER PRIMARY KEY,                         -- 1, 2, 3, ... without a gap
    at        REAL    NOT NULL,
    kind      TEXT    NOT NULL,                            -- start, minute, close, crash, purge, upgrade
    first     INTEGER NOT NULL,                            -- rows of the log
    last      INTEGER NOT NULL,
    root      TEXT    NOT NULL,                            -- SHA-256 of these rows
    layout    TEXT    NOT NULL,                            -- SHA-256 of the names of all sealed columns
    entry     INTEGER NOT NULL,                            -- the last entry of the audit, and its digest
    entry_digest TEXT NOT NULL,
    doubt     TEXT    NOT NULL,                            -- what another program did to the log; '': nothing
    previous  TEXT    NOT NULL,                            -- digest of the epoch before
    key       TEXT    NOT NULL,                            -- the public key of this epoch, and of the next one
    next_key  TEXT    NOT NULL,
    signature TEXT    NOT NULL
);
-- The end of the log at the last commit, with a code that only the process could make that wrote it.
CREATE TABLE seal_tail (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL,
    mac  BLOB    NOT NULL
);
