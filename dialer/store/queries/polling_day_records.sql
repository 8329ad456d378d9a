-- What comes from outside the calls on a polling day: official turnout and complaints.

-- The states of an area, and when the last of its booths there closes.
-- name: area
SELECT state_code, max(closes_at) FROM booth WHERE constituency_number = ?1 AND (?2 IS NULL OR part_number = ?2) GROUP BY state_code;

-- name: states_of_constituency
SELECT DISTINCT state_code FROM booth WHERE constituency_number = ?1;

-- The figure that stands: the last one entered.
-- name: figure
SELECT share FROM official_turnout
WHERE day = ?1 AND constituency_number = ?2 AND part_number IS ?3 AND state_code = ?4 AND by_time = ?5
ORDER BY figure_id DESC LIMIT 1;

-- name: figures_of_area
SELECT by_time, share FROM official_turnout WHERE figure_id IN (
    SELECT max(figure_id) FROM official_turnout
    WHERE day = ?1 AND constituency_number = ?2 AND part_number IS ?3 AND state_code = ?4 GROUP BY by_time
);

-- name: insert_figure
INSERT INTO official_turnout (day, constituency_number, part_number, state_code, by_time, share, entered_at, who)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);

-- name: known
SELECT EXISTS (SELECT 1 FROM campaign WHERE campaign_id = ?1),
       EXISTS (SELECT 1 FROM attempt WHERE attempt_id = ?2),
       EXISTS (SELECT 1 FROM phone WHERE phone_id = ?3);

-- name: insert_complaint
INSERT INTO complaint (key, at, about, channel, campaign_id, attempt_id, phone_id, entered_at, who)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (key) DO NOTHING;

-- name: complaint
SELECT complaint_id FROM complaint WHERE key = ?1;

-- name: is_complaint
SELECT EXISTS (SELECT 1 FROM complaint WHERE complaint_id = ?1);

-- name: insert_answer
INSERT INTO complaint_answer (key, complaint_id, at, answer, who) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key) DO NOTHING;
