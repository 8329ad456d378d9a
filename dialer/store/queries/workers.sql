-- The list of booth workers, as a file of them brings it.

-- name: add_phone
INSERT INTO phone (e164, opted_out_at) VALUES (:number, (SELECT at FROM opt_out WHERE e164 = :number))
ON CONFLICT (e164) DO NOTHING;

-- name: find_phone
SELECT phone_id, opted_out_at IS NOT NULL FROM phone WHERE e164 = :number;

-- name: put_worker
INSERT INTO worker (phone_id, name, language) VALUES (:phone_id, :name, :language)
ON CONFLICT (phone_id) DO UPDATE SET
    name = CASE :name WHEN '' THEN name ELSE :name END,
    language = CASE :language WHEN '' THEN language ELSE :language END,
    gone = 0
RETURNING worker_id;

-- name: leave_booths
DELETE FROM worker_booth WHERE worker_id = :worker_id;

-- name: stand_at_booth
INSERT OR IGNORE INTO worker_booth (worker_id, booth_id) VALUES (:worker_id, :booth_id);

-- Who is on a list again is called again, whatever closed the number before: that is a person's say-so.
-- name: reopen
UPDATE target SET state = 'due', due_at = 0 WHERE state = 'closed' AND phone_id = :phone_id
AND campaign_id IN (SELECT campaign_id FROM campaign WHERE purpose = 'booth-workers');

-- name: retire
UPDATE worker SET gone = 1 WHERE gone = 0 AND worker_id NOT IN (SELECT value FROM json_each(:listed));

-- name: close
UPDATE target SET state = 'closed', claimed_by = NULL, claimed_until = NULL
WHERE state IN ('due', 'claimed') AND campaign_id IN (SELECT campaign_id FROM campaign WHERE purpose = 'booth-workers')
AND phone_id IN (SELECT phone_id FROM worker WHERE gone = 1);
