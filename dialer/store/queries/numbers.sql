-- Numbers as the rules see them: registers, consent, opt-outs that come from outside.

-- name: registers
SELECT name, dated, numbers FROM register ORDER BY name;

-- name: phone
SELECT phone_id, opted_out_at, consent FROM phone WHERE e164 = ?1;

-- name: opt_out
SELECT at, source FROM opt_out WHERE e164 = ?1;

-- name: addressed
SELECT min(voter.voter_id), count(*), voter.booth_id
FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id AND voter.turnout = 'pending'
WHERE link.phone_id = ?1 AND link.dropped_at IS NULL
GROUP BY link.phone_id;

-- name: a_booth
SELECT voter.booth_id FROM link CROSS JOIN voter USING (voter_id) WHERE link.phone_id = ?1 LIMIT 1;

-- name: on_a_call
SELECT EXISTS (SELECT 1 FROM attempt WHERE phone_id = ?1 AND ended_at IS NULL);

-- name: targets
SELECT campaign_id, state, due_at FROM target WHERE phone_id = ?1;

-- name: numbers_of_voter
SELECT phone.e164 FROM link CROSS JOIN phone USING (phone_id) WHERE link.voter_id = ?1 AND link.dropped_at IS NULL ORDER BY phone.e164;

-- name: voter
SELECT turnout FROM voter WHERE voter_id = ?1;

-- Walks the booths: for a person at the command line.
-- name: voter_at
SELECT voter.voter_id
FROM booth CROSS JOIN voter ON voter.booth_id = booth.booth_id AND voter.serial = ?3
WHERE booth.constituency_number = ?1 AND booth.part_number = ?2;
