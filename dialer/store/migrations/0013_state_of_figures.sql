-- Numbers of constituencies are a state's own: a roll of several states has some of them twice. '' is a figure of a roll that names
-- no state, or one that was entered without its state where the number alone does not tell.
ALTER TABLE official_turnout ADD COLUMN state_code TEXT NOT NULL DEFAULT '';
UPDATE official_turnout SET state_code = coalesce((
    SELECT max(booth.state_code) FROM booth WHERE booth.constituency_number = official_turnout.constituency_number
    HAVING count(DISTINCT nullif(booth.state_code, '')) = 1
), '');
