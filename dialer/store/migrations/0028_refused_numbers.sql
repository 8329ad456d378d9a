-- A number that the rules refuse for a cause without an end (no consent, no register) is closed until the dialler checks it
-- again: at its start, and after a reload of the settings or an import. Its place in the queue stays as it is.
ALTER TABLE target ADD COLUMN refused_by TEXT;  -- the reason of the rules, such as no-consent; NULL: not refused
CREATE INDEX target_refused ON target (campaign_id, refused_by) WHERE refused_by IS NOT NULL;
CREATE TRIGGER target_in_the_queue_is_not_refused AFTER UPDATE OF state ON target
WHEN OLD.refused_by IS NOT NULL AND NEW.state <> 'closed' BEGIN
    UPDATE target SET refused_by = NULL WHERE rowid = NEW.rowid;
END;
