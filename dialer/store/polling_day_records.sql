-- Records of a polling day that do not come from calls: official turnout and complaints.

-- The states that have a constituency or part with this number, and when the last of its booths closes.
-- name: areas
SELECT state_code, max(closes_at) AS closes_at FROM booth WHERE constituency_number = :constituency_number AND (:part_number IS NULL OR part_number = :part_number) GROUP BY state_code;

-- name: states_of_constituency
SELECT DISTINCT state_code FROM booth WHERE constituency_number = :constituency_number;

-- The figure in force is the one entered last.
-- name: share
SELECT share FROM official_turnout
WHERE day = :day AND constituency_number = :constituency_number AND part_number IS :part_number AND state_code = :state_code AND by_time = :by_time
ORDER BY figure_id DESC LIMIT 1;

-- name: shares_of_area
SELECT by_time, share FROM official_turnout WHERE figure_id IN (
    SELECT max(figure_id) FROM official_turnout
    WHERE day = :day AND constituency_number = :constituency_number AND part_number IS :part_number AND state_code = :state_code GROUP BY by_time
);

-- name: insert_figure
INSERT INTO official_turnout (day, constituency_number, part_number, state_code, by_time, share, entered_at, who)
VALUES (:day, :constituency_number, :part_number, :state_code, :by_time, :share, :entered_at, :who);

-- name: campaign_exists
SELECT EXISTS (SELECT 1 FROM campaign WHERE campaign_id = :campaign_id);

-- name: attempt_exists
SELECT EXISTS (SELECT 1 FROM attempt WHERE attempt_id = :attempt_id);

-- name: phone_exists
SELECT EXISTS (SELECT 1 FROM phone WHERE phone_id = :phone_id);

-- name: insert_complaint
INSERT INTO complaint (key, at, about, channel, campaign_id, attempt_id, phone_id, entered_at, who)
VALUES (:key, :at, :about, :channel, :campaign_id, :attempt_id, :phone_id, :entered_at, :who)
ON CONFLICT (key) DO NOTHING;

-- name: complaint_id
SELECT complaint_id FROM complaint WHERE key = :key;

-- name: complaint_exists
SELECT EXISTS (SELECT 1 FROM complaint WHERE complaint_id = :complaint_id);

-- name: insert_answer
INSERT INTO complaint_answer (key, complaint_id, at, answer, who) VALUES (:key, :complaint_id, :at, :answer, :who) ON CONFLICT (key) DO NOTHING;
