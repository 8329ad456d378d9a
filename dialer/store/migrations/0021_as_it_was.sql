-- What is replaced while a site works, so that it can be told later what was known at a moment: which rules held, and consents.
CREATE TABLE rules_use (
    since  REAL NOT NULL,                                  -- when a dialler started with other rules than the start before
    digest TEXT NOT NULL REFERENCES rules_version
);
INSERT INTO rules_use (since, digest) SELECT since, digest FROM rules_version ORDER BY since;
CREATE TABLE consent_before (
    phone_id INTEGER NOT NULL REFERENCES phone,
    consent  TEXT    NOT NULL,
    source   TEXT    NOT NULL,
    at       REAL    NOT NULL
);
CREATE INDEX consent_before_of ON consent_before (phone_id, at);
CREATE TRIGGER consent_that_is_replaced_is_kept AFTER UPDATE OF consent_at ON phone
WHEN OLD.consent_at IS NOT NULL AND NEW.consent_at IS NOT NULL BEGIN
    INSERT INTO consent_before (phone_id, consent, source, at)
    VALUES (OLD.phone_id, OLD.consent, OLD.consent_source, OLD.consent_at);
END;
CREATE TRIGGER consent_that_is_erased_goes_with_those_before AFTER UPDATE OF consent_at ON phone
WHEN OLD.consent_at IS NOT NULL AND NEW.consent_at IS NULL BEGIN
    DELETE FROM consent_before WHERE phone_id = OLD.phone_id;
END;
