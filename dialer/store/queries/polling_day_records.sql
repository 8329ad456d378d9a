-- What comes from outside the calls on a polling day: official turnout and complaints.

-- The states of an area, and when the last of its booths there closes.
-- name: area
SELECT state_code, max(closes_at) AS closes_at FROM booth WHERE constituency_number = :constituency_number AND (:part_number IS NULL OR part_number = :part_number) GROUP BY state_code;

-- name: states_of_constituency
SELECT DISTINCT state_code FROM booth WHERE constituency_number = :constituency_number;

-- The figure that stands: the last one entered.
-- name: figure
SELECT share FROM official_turnout
WHERE day = :day AND constituency_number = :constituency_number AND part_number IS :part_number AND state_code = :state_code AND by_time = :by_time
ORDER BY figure_id DESC LIMIT 1;

-- name: figures_of_area
SELECT by_time, share FROM official_turnout WHERE figure_id IN (
    SELECT max(figure_id) FROM official_turnout
    WHERE day = :day AND constituency_number = :constituency_number AND part_number IS :part_number AND state_code = :state_code GROUP BY by_time
);

-- name: insert_figure
INSERT INTO official_turnout (day, constituency_number, part_number, state_code, by_time, share, entered_at, who)
VALUES (:day, :constituency_number, :part_number, :state_code, :by_time, :share, :entered_at, :who);

-- name: known
SELECT EXISTS (SELECT 1 FROM campaign WHERE campaign_id = :campaign_id) AS campaign,
       EXISTS (SELECT 1 FROM attempt WHERE attempt_id = :attempt_id) AS attempt,
       EXISTS (SELECT 1 FROM phone WHERE phone_id = :phone_id) AS number;

-- name: insert_complaint
INSERT INTO complaint (key, at, about, channel, campaign_id, attempt_id, phone_id, entered_at, who)
VALUES (:key, :at, :about, :channel, :campaign_id, :attempt_id, :phone_id, :entered_at, :who)
ON CONFLICT (key) DO NOTHING;

-- name: complaint
SELECT complaint_id FROM complaint WHERE key = :key;

-- name: is_complaint
SELECT EXISTS (SELECT 1 FROM complaint WHERE complaint_id = :complaint_id);

-- name: insert_answer
INSERT INTO complaint_answer (key, complaint_id, at, answer, who) VALUES (:key, :complaint_id, :at, :answer, :who) ON CONFLICT (key) DO NOTHING;
