-- Booth workers and the booths where they stand.

-- name: add_phone
INSERT INTO phone (e164, opted_out_at) VALUES (:number, (SELECT at FROM opt_out WHERE e164 = :number))
ON CONFLICT (e164) DO NOTHING;

-- name: phone
SELECT phone_id, opted_out_at IS NOT NULL AS opted_out FROM phone WHERE e164 = :number;

-- name: set_worker
INSERT INTO worker (phone_id, name, language) VALUES (:phone_id, :name, :language)
ON CONFLICT (phone_id) DO UPDATE SET
    name = CASE :name WHEN '' THEN name ELSE :name END,
    language = CASE :language WHEN '' THEN language ELSE :language END,
    gone = 0
RETURNING worker_id;

-- name: delete_booths
DELETE FROM worker_booth WHERE worker_id = :worker_id;

-- name: add_booth
INSERT OR IGNORE INTO worker_booth (worker_id, booth_id) VALUES (:worker_id, :booth_id);

-- name: reopen
UPDATE target SET state = 'due', due_at = 0 WHERE state = 'closed' AND phone_id = :phone_id
AND campaign_id IN (SELECT campaign_id FROM campaign WHERE purpose = 'booth-workers');

-- name: remove_others
UPDATE worker SET gone = 1 WHERE gone = 0 AND worker_id NOT IN (SELECT value FROM json_each(:worker_ids));

-- name: close_removed
UPDATE target SET state = 'closed', claimed_by = NULL, claimed_until = NULL
WHERE state IN ('due', 'claimed') AND campaign_id IN (SELECT campaign_id FROM campaign WHERE purpose = 'booth-workers')
AND phone_id IN (SELECT phone_id FROM worker WHERE gone = 1);

-- name: booths_of_worker
SELECT worker.worker_id, CASE worker.language WHEN '' THEN booth.language ELSE worker.language END AS language, booth.booth_id
FROM worker
CROSS JOIN worker_booth ON worker_booth.worker_id = worker.worker_id
CROSS JOIN booth ON booth.booth_id = worker_booth.booth_id
WHERE worker.phone_id = :phone_id AND NOT worker.gone
ORDER BY booth.booth_id;
