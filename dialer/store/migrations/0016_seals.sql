-- What was done can be proved: each event of a row that must be answered for leaves a seal, written in the same transaction, and the
-- seals go into the audit's chain, batch by batch (dialer/store/seals.py).
CREATE TABLE seal (
    seal_id INTEGER PRIMARY KEY,                           -- 1, 2, 3, ... without a gap; a purge of records removes the first ones
    entity  TEXT NOT NULL,                                 -- attempt, mark, opt-out, opt-out-hash, consent, consent-ahead, purge
    row_id  NOT NULL,                                      -- an id that leads to nobody
    kind    TEXT NOT NULL,                                 -- what happened to the row, which says what of it is sealed
    salt    BLOB,                                          -- where a number is in it; erasing removes the salt, and the seal leads nowhere
    digest  BLOB NOT NULL,                                 -- SHA-256 of the row as it stood
    checks  BLOB NOT NULL                                  -- two bytes a field, to name the one that was changed
);
CREATE INDEX seal_salted ON seal (entity, row_id) WHERE salt IS NOT NULL;
CREATE TRIGGER seal_is_not_changed BEFORE UPDATE OF seal_id, entity, row_id, kind, digest, checks ON seal BEGIN
    SELECT raise(ABORT, 'seals are append-only');
END;

-- Rows whose key is a number, or a hash of one, have an id too: a seal outlives an erasure.
ALTER TABLE opt_out ADD COLUMN opt_out_id INTEGER;
UPDATE opt_out SET opt_out_id = placed.place
FROM (SELECT e164, row_number() OVER (ORDER BY at, e164) AS place FROM opt_out) AS placed WHERE placed.e164 = opt_out.e164;
CREATE UNIQUE INDEX opt_out_by_id ON opt_out (opt_out_id);
CREATE TRIGGER opt_out_gets_its_id AFTER INSERT ON opt_out WHEN NEW.opt_out_id IS NULL BEGIN
    UPDATE opt_out SET opt_out_id = (SELECT coalesce(max(opt_out_id), 0) + 1 FROM opt_out) WHERE e164 = NEW.e164;
END;

ALTER TABLE opt_out_hash ADD COLUMN opt_out_hash_id INTEGER;
UPDATE opt_out_hash SET opt_out_hash_id = placed.place
FROM (SELECT number_hash, row_number() OVER (ORDER BY number_hash) AS place FROM opt_out_hash) AS placed
WHERE placed.number_hash = opt_out_hash.number_hash;
CREATE UNIQUE INDEX opt_out_hash_by_id ON opt_out_hash (opt_out_hash_id);
CREATE TRIGGER opt_out_hash_gets_its_id AFTER INSERT ON opt_out_hash WHEN NEW.opt_out_hash_id IS NULL BEGIN
    UPDATE opt_out_hash SET opt_out_hash_id = (SELECT coalesce(max(opt_out_hash_id), 0) + 1 FROM opt_out_hash)
    WHERE number_hash = NEW.number_hash;
END;

ALTER TABLE consent_ahead ADD COLUMN consent_ahead_id INTEGER;
UPDATE consent_ahead SET consent_ahead_id = placed.place
FROM (SELECT e164, row_number() OVER (ORDER BY at, e164) AS place FROM consent_ahead) AS placed WHERE placed.e164 = consent_ahead.e164;
CREATE UNIQUE INDEX consent_ahead_by_id ON consent_ahead (consent_ahead_id);
CREATE TRIGGER consent_ahead_gets_its_id AFTER INSERT ON consent_ahead WHEN NEW.consent_ahead_id IS NULL BEGIN
    UPDATE consent_ahead SET consent_ahead_id = (SELECT coalesce(max(consent_ahead_id), 0) + 1 FROM consent_ahead)
    WHERE e164 = NEW.e164;
END;

-- A number that a roll brings takes over its consent by a trigger, which cannot seal: what it did waits here for the next batch.
CREATE TABLE consent_taken (
    phone_id         INTEGER PRIMARY KEY,
    consent_ahead_id INTEGER NOT NULL
);
DROP TRIGGER phone_takes_over_its_consent;
CREATE TRIGGER phone_takes_over_its_consent AFTER INSERT ON phone
WHEN EXISTS (SELECT 1 FROM consent_ahead WHERE e164 = NEW.e164) BEGIN
    UPDATE phone SET (consent, consent_source, consent_at) = (SELECT consent, source, at FROM consent_ahead WHERE e164 = NEW.e164)
    WHERE phone_id = NEW.phone_id;
    INSERT INTO consent_taken (phone_id, consent_ahead_id)
    SELECT NEW.phone_id, consent_ahead_id FROM consent_ahead WHERE e164 = NEW.e164;
    DELETE FROM consent_ahead WHERE e164 = NEW.e164;
END;
