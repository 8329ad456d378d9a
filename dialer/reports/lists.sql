-- Lists of voters for booth workers. They hold names, but no phone numbers.

-- name: booths
SELECT booth_id, constituency_number, part_number, name, name_local, closes_at, roll_version
FROM booth
WHERE (:constituency IS NULL OR constituency_number = :constituency) AND (:part IS NULL OR part_number = :part)
ORDER BY constituency_number, part_number, booth_id;

-- name: strike_off
SELECT serial, name, name_local, house, age, sex, '' AS hour
FROM voter
WHERE booth_id = :booth AND turnout = 'pending'
ORDER BY serial;

-- `hour` is the hour at which the voter last said to vote; empty if the voter named none.
-- name: not_yet
SELECT serial, name, name_local, house, age, sex, coalesce(
    (SELECT printf('%02d:00', mark.hour) FROM mark
     WHERE mark.voter_id = voter.voter_id AND mark.kind = 'later' AND mark.hour IS NOT NULL
     ORDER BY mark.at DESC, mark.mark_id DESC LIMIT 1), '') AS hour
FROM voter
WHERE booth_id = :booth AND turnout = 'pending' AND not_yet
ORDER BY serial;
