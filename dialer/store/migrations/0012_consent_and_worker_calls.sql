-- Consent of numbers that no roll has brought yet, keyed by the number itself, as opt-outs and registers are. The roll that brings
-- the number takes it over.
CREATE TABLE consent_ahead (
    e164    TEXT PRIMARY KEY,
    consent TEXT NOT NULL,                                 -- given, withdrawn
    source  TEXT NOT NULL,
    at      REAL NOT NULL
) WITHOUT ROWID;
-- A trigger, so that no way by which a number comes in can forget it. It costs an import 0.2 us a number.
CREATE TRIGGER phone_takes_over_its_consent AFTER INSERT ON phone
WHEN EXISTS (SELECT 1 FROM consent_ahead WHERE e164 = NEW.e164) BEGIN
    UPDATE phone SET (consent, consent_source, consent_at) = (SELECT consent, source, at FROM consent_ahead WHERE e164 = NEW.e164)
    WHERE phone_id = NEW.phone_id;
    DELETE FROM consent_ahead WHERE e164 = NEW.e164;
END;

-- Where a booth worker stood when they were called: a later list may send them to another constituency, and that call stays on
-- this one's account. NULL: a call to a voter, who stays at one booth.
ALTER TABLE attempt ADD COLUMN worker_booth_id INTEGER REFERENCES booth;
UPDATE attempt SET worker_booth_id = (SELECT min(booth_id) FROM worker_booth WHERE worker_booth.worker_id = attempt.worker_id)
WHERE worker_id IS NOT NULL;
CREATE TRIGGER attempt_keeps_its_workers_booth AFTER INSERT ON attempt
WHEN NEW.worker_id IS NOT NULL AND NEW.worker_booth_id IS NULL BEGIN
    UPDATE attempt SET worker_booth_id = (SELECT min(booth_id) FROM worker_booth WHERE worker_booth.worker_id = NEW.worker_id)
    WHERE attempt_id = NEW.attempt_id;
END;
