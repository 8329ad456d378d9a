-- What became known of voters and numbers.

-- name: voter_turnout
SELECT booth_id, turnout, reached, turnout = 'pending' AND not_yet = 1 AS not_yet FROM voter WHERE voter_id = :voter_id;

-- name: place_of
SELECT roll_version, state_code, constituency_number, part_number, serial FROM voter CROSS JOIN booth USING (booth_id) WHERE voter_id = :voter_id;

-- name: pending_voters
SELECT voter.voter_id FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
WHERE link.phone_id = :phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending' ORDER BY voter.booth_id, voter.serial;

-- name: voter_by_serial
SELECT voter_id FROM voter WHERE booth_id = :booth_id AND serial = :serial;

-- name: insert_mark
INSERT INTO mark (key, voter_id, kind, hour, source, at, attempt_id, agent, confidence, worker_id, undoes)
VALUES (:key, :voter_id, :kind, :hour, :source, :at, :attempt_id, :agent, :surety, :worker_id, :undoes)
ON CONFLICT (key) DO NOTHING;

-- name: mark_says
SELECT 1 FROM mark WHERE key = :key AND voter_id = :voter_id AND kind = :kind AND hour IS :hour AND undoes IS :undoes;

-- name: is_mark
SELECT 1 FROM mark WHERE key = :key;

-- What was said of a voter and was not taken back, in the order in which it came. A mark that takes one back says nothing else.
-- name: standing_marks
SELECT mark.kind, mark.source, mark.at FROM mark
WHERE mark.voter_id = :voter_id AND mark.undoes IS NULL AND mark.at <= :at
  AND NOT EXISTS (SELECT 1 FROM mark AS later WHERE later.voter_id = :voter_id AND later.undoes = mark.key AND later.at <= :at)
ORDER BY mark.mark_id;

-- The last mark that a booth worker's call made and has not taken back.
-- name: last_of_call
SELECT mark.key, mark.voter_id FROM mark INDEXED BY mark_of_call
WHERE mark.attempt_id = :attempt_id AND mark.worker_id IS NOT NULL AND mark.undoes IS NULL
  AND NOT EXISTS (SELECT 1 FROM mark AS later WHERE later.voter_id = mark.voter_id AND later.undoes = mark.key)
ORDER BY mark.mark_id DESC LIMIT 1;

-- Keys that begin with :key/ lie between it and the next character after the stroke.
-- name: marked_by
SELECT voter_id FROM mark WHERE key = :key OR key > :key || '/' AND key < :key || '0' ORDER BY +mark_id;

-- name: insert_unknown_serial
INSERT INTO unknown_serial (key, attempt_id, worker_id, serial, booth_id, at) VALUES (:key, :attempt_id, :worker_id, :serial, :booth_id, :at)
ON CONFLICT (key) DO NOTHING;

-- name: set_turnout
UPDATE voter SET turnout = :turnout, not_yet = :not_yet, reached = :reached WHERE voter_id = :voter_id;

-- name: phone_of_attempt
SELECT phone_id FROM attempt WHERE attempt_id = :attempt_id;

-- name: drop_link
UPDATE link SET dropped_at = :at WHERE voter_id = :voter_id AND phone_id = :phone_id AND dropped_at IS NULL;

-- name: kind_of_mark
SELECT kind FROM mark WHERE key = :key;

-- That the mark had dropped, and none before it.
-- name: give_link_back
UPDATE link SET dropped_at = NULL
WHERE voter_id = :voter_id AND phone_id = :phone_id AND dropped_at = (SELECT at FROM mark WHERE key = :undoes);

-- name: reopen_wrong_number
UPDATE target SET state = 'due', settled = 0, due_at = iif(target.attempts = 0, target.due_at, max(target.due_at, :at))
WHERE phone_id = :phone_id AND state = 'closed' AND settled = :settled
  AND EXISTS (SELECT 1 FROM phone WHERE phone.phone_id = :phone_id AND phone.opted_out_at IS NULL);

-- name: silent_phones
SELECT own.phone_id FROM link AS own
WHERE own.voter_id = :voter_id AND own.dropped_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
    WHERE link.phone_id = own.phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending'
);

-- name: phone_is_silent
SELECT NOT EXISTS (
    SELECT 1 FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
    WHERE link.phone_id = :phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending'
);

-- name: opt_out_phone
UPDATE phone SET opted_out_at = :at WHERE phone_id = :phone_id AND opted_out_at IS NULL;

-- name: phone_exists
SELECT 1 FROM phone WHERE phone_id = :phone_id;

-- name: insert_opt_out
INSERT INTO opt_out (e164, at, source, attempt_id) SELECT e164, :at, :source, :attempt_id FROM phone WHERE phone_id = :phone_id
ON CONFLICT (e164) DO NOTHING;

-- name: booths
SELECT booth_id, constituency_number, part_number, name, language, closes_at, constituency_name, state_code FROM booth ORDER BY booth_id;

-- name: voter_for_screen
SELECT name, name_local, age, sex, house, section, serial, booth_id FROM voter WHERE voter_id = :voter_id;

-- name: voters_by_booth
SELECT booth_id, count(*) FROM voter GROUP BY booth_id;

-- Those without a number that may be called: all of the roll, and those of them who are reached all the same, as a worker at the
-- booth saw them. The numbers that opted out are gathered once; what is left is a look at each voter's links, of no table's rows.
-- name: without_number_by_booth
SELECT booth_id, count(*) FROM voter WHERE NOT EXISTS (
    SELECT 1 FROM link WHERE link.voter_id = voter.voter_id AND link.dropped_at IS NULL
      AND link.phone_id NOT IN (SELECT phone_id FROM phone WHERE opted_out_at IS NOT NULL)
) GROUP BY booth_id;

-- name: reached_without_number_by_booth
SELECT booth_id, count(*) FROM voter INDEXED BY voter_reached WHERE reached = 1 AND NOT EXISTS (
    SELECT 1 FROM link WHERE link.voter_id = voter.voter_id AND link.dropped_at IS NULL
      AND link.phone_id NOT IN (SELECT phone_id FROM phone WHERE opted_out_at IS NOT NULL)
) GROUP BY booth_id;

-- name: has_number
SELECT EXISTS (
    SELECT 1 FROM link CROSS JOIN phone ON phone.phone_id = link.phone_id
    WHERE link.voter_id = :voter_id AND link.dropped_at IS NULL AND phone.opted_out_at IS NULL
);

-- Who is not reached and has no number any more since this one opted out. Of a voter whose numbers all did, it is the last one that
-- counts, in whatever order this is asked.
-- name: without_number_since
SELECT voter.booth_id, count(*)
FROM phone AS gone
CROSS JOIN link ON link.phone_id = gone.phone_id AND link.dropped_at IS NULL
CROSS JOIN voter ON voter.voter_id = link.voter_id AND voter.reached = 0
WHERE gone.phone_id = :phone_id AND gone.opted_out_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM link AS other CROSS JOIN phone ON phone.phone_id = other.phone_id
    WHERE other.voter_id = link.voter_id AND other.dropped_at IS NULL AND other.phone_id <> gone.phone_id
      AND (phone.opted_out_at IS NULL OR (phone.opted_out_at, phone.phone_id) > (gone.opted_out_at, gone.phone_id))
)
GROUP BY voter.booth_id;

-- name: reached_by_booth
SELECT booth_id, count(*) AS reached, sum(turnout = 'voted') AS voted, sum(turnout = 'pending' AND not_yet = 1) AS not_yet
FROM voter INDEXED BY voter_reached WHERE reached = 1 GROUP BY booth_id;

-- Lists of marks, weights and booth workers are read against the roll.

-- name: voter_of_part
SELECT voter_id, epic FROM voter WHERE booth_id = :booth_id AND serial = :serial;

-- There is no index of EPIC numbers: the roll is read once for all that are asked for.
-- name: voters_of_epics
SELECT upper(epic), voter_id FROM voter WHERE upper(epic) IN (SELECT value FROM json_each(:epics));

-- name: hash_of
SELECT number_hash FROM hash_secret CROSS JOIN phone_hash USING (secret)
WHERE hash_secret.tells AND phone_hash.phone_id = :phone_id;
