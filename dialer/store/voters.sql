-- Voters and booths of the roll.

-- name: place
SELECT roll_version, state_code, constituency_number, part_number, serial FROM voter CROSS JOIN booth USING (booth_id) WHERE voter_id = :voter_id;

-- name: pending_on_phone
SELECT voter.voter_id FROM link CROSS JOIN voter ON voter.voter_id = link.voter_id
WHERE link.phone_id = :phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending' ORDER BY voter.booth_id, voter.serial;

-- name: voter_with_serial
SELECT voter_id, epic FROM voter WHERE booth_id = :booth_id AND serial = :serial;

-- name: voter_for_screen
SELECT name, name_local, age, sex, house, section, serial, booth_id FROM voter WHERE voter_id = :voter_id;

-- There is no index of EPIC numbers: one statement reads the roll for all of them.
-- name: voters_with_epics
SELECT upper(epic) AS epic, voter_id FROM voter WHERE upper(epic) IN (SELECT value FROM json_each(:epics));

-- Reads the roll.
-- name: voters_with_epic
SELECT voter_id FROM voter WHERE upper(epic) = :epic ORDER BY voter_id;

-- Reads all booths.
-- name: voters_at
SELECT voter.voter_id
FROM booth CROSS JOIN voter ON voter.booth_id = booth.booth_id AND voter.serial = :serial
WHERE booth.constituency_number = :constituency_number AND booth.part_number = :part_number;

-- name: voter_exists
SELECT EXISTS (SELECT 1 FROM voter WHERE voter_id = :voter_id);

-- name: numbers_of_voter
SELECT phone.e164 FROM link CROSS JOIN phone USING (phone_id) WHERE link.voter_id = :voter_id AND link.dropped_at IS NULL ORDER BY phone.e164;

-- name: booths
SELECT booth_id, constituency_number, part_number, name, language, closes_at, constituency_name, state_code FROM booth ORDER BY booth_id;

-- name: phone_id_of
SELECT phone_id FROM phone WHERE e164 = :number;

-- name: callable_number
SELECT e164 FROM phone WHERE phone_id = :phone_id AND opted_out_at IS NULL;
