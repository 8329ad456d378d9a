-- Numbers of a booth that weigh alike go out in an order of their own and not in that of the roll, which is often that of the numbers:
-- carriers flag series. The order is a hash of the number's id and the campaign's seed, so it stays the same from start to start.
CREATE TABLE shuffle (seed INTEGER NOT NULL);              -- 0: the roll's order
INSERT INTO shuffle (seed) VALUES (1 + abs(random() % 2147483646));
ALTER TABLE campaign ADD COLUMN shuffle_seed INTEGER NOT NULL DEFAULT 0;
UPDATE campaign SET shuffle_seed = (SELECT 1 + (seed + 7919 * campaign.rowid) % 2147483646 FROM shuffle);
-- Two rounds of a quadratic hash modulo 2^31-1: no product is beyond 63 bits, where SQLite would go on in floating point.
CREATE VIEW shuffled AS
SELECT campaign_id, phone_id, CASE seed WHEN 0 THEN 0 ELSE (twice * twice + phone_id) % 2147483647 END AS shuffle
FROM (
    SELECT campaign_id, phone_id, seed, (once * once + 16807 * once + seed) % 2147483647 AS twice
    FROM (
        SELECT campaign.campaign_id, phone.phone_id, campaign.shuffle_seed AS seed,
               (phone.phone_id * 48271 + campaign.shuffle_seed) % 2147483647 AS once
        FROM campaign CROSS JOIN phone
    )
);
ALTER TABLE target ADD COLUMN shuffle INTEGER NOT NULL DEFAULT 0;
DROP INDEX target_fresh;
UPDATE target SET shuffle = (
    SELECT shuffled.shuffle FROM shuffled
    WHERE shuffled.campaign_id = target.campaign_id AND shuffled.phone_id = target.phone_id
)
WHERE attempts = 0;
CREATE INDEX target_fresh ON target (campaign_id, booth_id, rank, shuffle, phone_id, attempts) WHERE state = 'due' AND due_at = 0;

-- Attempts of which nobody knows whether they were calls, and that a person has looked at: their numbers may be called again.
CREATE TABLE released_unknown (
    attempt_id TEXT PRIMARY KEY REFERENCES attempt,
    at         REAL NOT NULL,
    who        TEXT NOT NULL,
    reason     TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX attempt_unknown ON attempt (phone_id) WHERE outcome = 'unknown';
-- target.settled is 2 where such an attempt closed it. Of an earlier version: where the campaign has made no other call since.
UPDATE target SET settled = 2
WHERE state = 'closed' AND settled = 0 AND phone_id IN (
    SELECT phone_id FROM attempt WHERE outcome = 'unknown' AND direction = 'outbound'
) AND coalesce((
    SELECT attempt.outcome FROM attempt
    WHERE attempt.phone_id = target.phone_id AND attempt.campaign_id = target.campaign_id AND attempt.direction = 'outbound'
    ORDER BY attempt.created_at DESC LIMIT 1
), 'unknown') = 'unknown';
