-- A number's time that was asked for ("at about six", "call me again", a missed call) is kept whatever its booth; any other retry of
-- a booth that votes another day stands aside on a polling day, so that a claim does not walk over it again and again.
ALTER TABLE target ADD COLUMN promised INTEGER NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN aside_until REAL NOT NULL DEFAULT 0;  -- epoch second: the end of that day; 0: does not stand aside
DROP INDEX target_timed;
CREATE INDEX target_timed ON target (campaign_id, aside_until, promised, due_at, phone_id, attempts, booth_id)
WHERE state = 'due' AND due_at > 0;
-- Whoever was called from there has a new time, at which it is seen anew who votes. So all that stand aside are due.
CREATE TRIGGER target_with_a_new_time_is_aside_no_more AFTER UPDATE OF due_at ON target
WHEN OLD.aside_until > 0 AND NEW.due_at <> OLD.due_at BEGIN
    UPDATE target SET aside_until = 0 WHERE rowid = NEW.rowid;
END;
-- Of an earlier version it is known what an agent heard, a voter keyed in, or rang us for, and not which call came after it.
UPDATE target SET promised = 1 WHERE state IN ('due', 'claimed') AND due_at > 0 AND (campaign_id, phone_id) IN (
    SELECT campaign_id, phone_id FROM attempt WHERE disposition IN ('later', 'call-back') OR outcome = 'missed'
    UNION
    SELECT attempt.campaign_id, attempt.phone_id
    FROM mark CROSS JOIN attempt ON attempt.attempt_id = mark.attempt_id WHERE mark.kind = 'later'
);
