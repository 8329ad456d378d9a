-- The outbox: what is announced, and who has taken how much of it.

-- name: insert_announcement
INSERT INTO outbox (topic, payload, at) VALUES (:topic, :payload, :at);

-- name: outbox
SELECT outbox_id, topic, payload, at FROM outbox
WHERE outbox_id > coalesce((SELECT passed FROM outbox_sink WHERE name = 'mqtt'), 0) ORDER BY outbox_id LIMIT :limit;

-- name: outbox_after
SELECT outbox_id, topic, payload, at FROM outbox WHERE outbox_id > :passed ORDER BY outbox_id LIMIT :limit;

-- name: pass
UPDATE outbox_sink SET passed = :up_to WHERE name = :name AND passed < :up_to;

-- name: passed
SELECT passed FROM outbox_sink WHERE name = :name;

-- How much waits for each that takes from it. Ids are nearly without gaps: to count every row would read the whole outbox.
-- name: waits
SELECT name AS sink, (SELECT coalesce(max(outbox_id) - min(outbox_id) + 1, 0) FROM outbox WHERE outbox_id > passed) AS rows,
  (SELECT at FROM outbox WHERE outbox_id > passed ORDER BY outbox_id LIMIT 1) AS oldest_at
FROM (SELECT name, passed FROM outbox_sink UNION ALL SELECT 'mqtt', 0 WHERE NOT EXISTS (SELECT 1 FROM outbox_sink));

-- Gone is what all have taken.
-- name: outbox_taken
DELETE FROM outbox WHERE outbox_id <= coalesce((SELECT min(passed) FROM outbox_sink), :up_to);

-- name: forget_sinks
DELETE FROM outbox_sink;

-- What waits for the broker waits for headquarters too: it was not told before.
-- name: add_sink
INSERT INTO outbox_sink (name, passed, most_bytes) VALUES (:name, 0, :most_bytes) ON CONFLICT (name) DO UPDATE SET most_bytes = :most_bytes;

-- name: most_bytes
SELECT most_bytes FROM outbox_sink WHERE name = 'uplink';

-- Ids are nearly without gaps, and the length of the latest rows stands for all: to add up every row would read the whole outbox.
-- name: waiting_bytes
SELECT coalesce((SELECT max(outbox_id) - min(outbox_id) + 1 FROM outbox)
    * (SELECT avg(length(topic) + length(payload)) FROM (SELECT topic, payload FROM outbox ORDER BY outbox_id DESC LIMIT 1000)), 0);

-- name: drop_telemetry
DELETE FROM outbox WHERE topic NOT IN (SELECT value FROM json_each(:results))
  AND outbox_id <= (SELECT max(outbox_id) FROM outbox) - :newest;

-- Opt-outs neither count nor go: other centres must hear of each. Walks what waits: once a minute, not after every batch.
-- name: outbox_beyond
DELETE FROM outbox
WHERE topic <> 'results/opt-outs'
  AND outbox_id <= (SELECT outbox_id FROM outbox WHERE topic <> 'results/opt-outs' ORDER BY outbox_id DESC LIMIT 1 OFFSET :keep_at_most);

-- name: last_given
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0);

-- name: move_up
UPDATE outbox SET outbox_id = outbox_id + :by WHERE outbox_id > :passed;

-- name: raise_sequence
UPDATE sqlite_sequence SET seq = max(seq, :last, (SELECT coalesce(max(outbox_id), 0) FROM outbox)) WHERE name = 'outbox';

-- name: begin_sequence
INSERT INTO sqlite_sequence (name, seq) SELECT 'outbox', :last
WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'outbox');
