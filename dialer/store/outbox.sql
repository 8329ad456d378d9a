-- The outbox: announcements that wait for the broker and, where the settings name one, for headquarters.
-- Each of the two is a sink, which has passed all rows up to an id.

-- name: insert_announcement
INSERT INTO outbox (topic, payload, at) VALUES (:topic, :payload, :at);

-- name: rows_for_broker
SELECT outbox_id, topic, payload, at FROM outbox
WHERE outbox_id > coalesce((SELECT passed FROM outbox_sink WHERE name = 'mqtt'), 0) ORDER BY outbox_id LIMIT :limit;

-- name: rows_after
SELECT outbox_id, topic, payload, at FROM outbox WHERE outbox_id > :outbox_id ORDER BY outbox_id LIMIT :limit;

-- name: advance_sink
UPDATE outbox_sink SET passed = :passed WHERE name = :name AND passed < :passed;

-- name: passed_by
SELECT passed FROM outbox_sink WHERE name = :name;

-- Ids have nearly no gaps. Counting the rows would read the whole outbox.
-- name: waiting
SELECT name AS sink, (SELECT coalesce(max(outbox_id) - min(outbox_id) + 1, 0) FROM outbox WHERE outbox_id > passed) AS rows,
  (SELECT at FROM outbox WHERE outbox_id > passed ORDER BY outbox_id LIMIT 1) AS oldest_at
FROM (SELECT name, passed FROM outbox_sink UNION ALL SELECT 'mqtt', 0 WHERE NOT EXISTS (SELECT 1 FROM outbox_sink));

-- Deletes rows that every sink has passed.
-- name: delete_passed
DELETE FROM outbox WHERE outbox_id <= coalesce((SELECT min(passed) FROM outbox_sink), :passed);

-- name: delete_sinks
DELETE FROM outbox_sink;

-- Rows that wait for the broker also wait for headquarters, which did not exist before.
-- name: add_sink
INSERT INTO outbox_sink (name, passed, most_bytes) VALUES (:name, 0, :most_bytes) ON CONFLICT (name) DO UPDATE SET most_bytes = :most_bytes;

-- name: byte_limit
SELECT most_bytes FROM outbox_sink WHERE name = 'uplink';

-- An estimate: the number of ids, times the mean length of the last rows. Adding up all rows would read the whole
-- outbox.
-- name: waiting_bytes
SELECT coalesce((SELECT max(outbox_id) - min(outbox_id) + 1 FROM outbox)
    * (SELECT avg(length(topic) + length(payload)) FROM (SELECT topic, payload FROM outbox ORDER BY outbox_id DESC LIMIT 1000)), 0);

-- name: delete_telemetry
DELETE FROM outbox WHERE topic NOT IN (SELECT value FROM json_each(:results))
  AND outbox_id <= (SELECT max(outbox_id) FROM outbox) - :keep;

-- Opt-outs are neither counted nor deleted, for other centres must learn of each. Reads all waiting rows: run it at most
-- once a minute.
-- name: delete_oldest
DELETE FROM outbox
WHERE topic <> 'results/opt-outs'
  AND outbox_id <= (SELECT outbox_id FROM outbox WHERE topic <> 'results/opt-outs' ORDER BY outbox_id DESC LIMIT 1 OFFSET :keep);

-- name: highest_id
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0);
