-- Who is called next: a voter's weight, and queues by booth, so that the order among booths can change all day long.
ALTER TABLE voter ADD COLUMN weight REAL NOT NULL DEFAULT 1 CHECK (weight > 0);  -- the voter's own part of the priority; 1 = no opinion

ALTER TABLE target ADD COLUMN booth_id INTEGER NOT NULL DEFAULT 0;  -- of the first voter on the number when it was enrolled
UPDATE target SET booth_id = coalesce((
    SELECT voter.booth_id FROM link JOIN voter ON voter.voter_id = link.voter_id
    WHERE link.phone_id = target.phone_id ORDER BY voter.voter_id LIMIT 1
), 0), rank = -1;
DROP INDEX target_fresh;
CREATE INDEX target_fresh ON target (campaign_id, booth_id, rank, phone_id, attempts) WHERE state = 'due' AND due_at = 0;
-- Numbers without any link left have no booth, and nobody to call.
UPDATE target SET state = 'closed', claimed_by = NULL, claimed_until = NULL
WHERE booth_id = 0 AND state IN ('due', 'claimed');
