-- Reports on turnout, and on one voter's marks. By law they must not say whom a voter supports, so no statement here may read a
-- voter's supporter score or rank.

-- Turnout by booth or section: the present status of the voters contacted in the window. Marks that were undone do not count.
-- name: turnout_by_booth
WITH contacted AS (
    SELECT DISTINCT mark.voter_id
    FROM mark LEFT JOIN attempt ON attempt.attempt_id = mark.attempt_id
    WHERE mark.kind <> 'wrong-number' AND mark.at >= :since AND mark.at < :until
      AND (:campaign IS NULL OR attempt.campaign_id = :campaign)
      AND mark.undoes IS NULL AND NOT EXISTS (
          SELECT 1 FROM mark AS later WHERE later.voter_id = mark.voter_id AND later.undoes = mark.key
      )
)
SELECT booth.state_code,
       booth.constituency_number,
       booth.part_number,
       booth.name,
       CASE :by_section WHEN 1 THEN voter.section ELSE '' END AS section_name,
       count(*) AS voters,
       count(contacted.voter_id) AS contacted,
       count(*) FILTER (WHERE contacted.voter_id IS NOT NULL AND voter.turnout = 'voted') AS voted,
       count(*) FILTER (WHERE contacted.voter_id IS NOT NULL AND voter.turnout <> 'voted' AND voter.not_yet) AS not_yet_voted
FROM voter
JOIN booth ON booth.booth_id = voter.booth_id
LEFT JOIN contacted ON contacted.voter_id = voter.voter_id
GROUP BY voter.booth_id, section_name
ORDER BY booth.constituency_number, booth.part_number, booth.booth_id, section_name;

-- Numbers that opted out, in each booth with a voter who has the number. A voter for whom it was a wrong number does not
-- (link.dropped_at).
-- name: opt_outs_by_booth
SELECT DISTINCT booth.state_code, booth.constituency_number, booth.part_number, phone.phone_id
FROM opt_out
JOIN phone ON phone.e164 = opt_out.e164
JOIN link ON link.phone_id = phone.phone_id AND link.dropped_at IS NULL
JOIN voter ON voter.voter_id = link.voter_id
JOIN booth ON booth.booth_id = voter.booth_id
LEFT JOIN attempt ON attempt.attempt_id = opt_out.attempt_id
WHERE opt_out.at >= :since AND opt_out.at < :until AND (:campaign IS NULL OR attempt.campaign_id = :campaign);

-- Voters by the quarter of an hour in which they were first contacted, and the one in which they were reported as voted: at
-- the first "voted" mark after their last correction, or at the last "voted" mark if there is none after it.
-- name: turnout_by_quarter
WITH contacted AS (
    SELECT mark.voter_id, min(mark.at) AS at
    FROM mark LEFT JOIN attempt ON attempt.attempt_id = mark.attempt_id
    WHERE mark.kind <> 'wrong-number' AND mark.at >= :since AND mark.at < :until
      AND (:campaign IS NULL OR attempt.campaign_id = :campaign)
      AND mark.undoes IS NULL AND NOT EXISTS (
          SELECT 1 FROM mark AS later WHERE later.voter_id = mark.voter_id AND later.undoes = mark.key
      )
    GROUP BY mark.voter_id
),
corrected AS (
    SELECT voter_id, max(mark_id) AS mark_id FROM mark WHERE source = 'correction' AND undoes IS NULL GROUP BY voter_id
),
voted AS (
    SELECT mark.voter_id,
           coalesce(min(CASE WHEN mark.mark_id > coalesce(corrected.mark_id, 0) THEN mark.at END), max(mark.at)) AS at
    FROM mark LEFT JOIN corrected ON corrected.voter_id = mark.voter_id
    WHERE mark.kind = 'voted' AND NOT EXISTS (
        SELECT 1 FROM mark AS later WHERE later.voter_id = mark.voter_id AND later.undoes = mark.key
    )
    GROUP BY mark.voter_id
)
SELECT booth.state_code,
       booth.constituency_number,
       CAST(contacted.at / 900 AS INTEGER) AS contacted_quarter,
       CASE WHEN voter.turnout = 'voted' AND voted.at < :until THEN CAST(max(voted.at, contacted.at) / 900 AS INTEGER) END AS voted_quarter,
       count(*) AS voters
FROM contacted
JOIN voter ON voter.voter_id = contacted.voter_id
JOIN booth ON booth.booth_id = voter.booth_id
LEFT JOIN voted ON voted.voter_id = contacted.voter_id
GROUP BY 1, 2, 3, 4;

-- name: constituency_states
SELECT DISTINCT constituency_number, state_code, constituency_name FROM booth ORDER BY constituency_name;

-- The last official figure entered for each area, day and hour; it replaces earlier ones.
-- name: official_figures
SELECT day, constituency_number, part_number, by_time, share, state_code
FROM official_turnout
WHERE figure_id IN (
    SELECT max(figure_id) FROM official_turnout
    GROUP BY day, state_code, constituency_number, coalesce(part_number, 0), by_time
)
ORDER BY figure_id;

-- name: voter
SELECT booth.constituency_number, booth.part_number, voter.serial, voter.turnout
FROM voter JOIN booth ON booth.booth_id = voter.booth_id
WHERE voter.voter_id = :voter;

-- name: voter_marks
SELECT mark.at, mark.kind, mark.hour, mark.source, mark.confidence, coalesce(mark.agent, '') AS said_by, coalesce(attempt.campaign_id, '') AS campaign,
       coalesce(mark.attempt_id, '') AS attempt
FROM mark LEFT JOIN attempt ON attempt.attempt_id = mark.attempt_id
WHERE mark.voter_id = :voter
ORDER BY mark.mark_id;
