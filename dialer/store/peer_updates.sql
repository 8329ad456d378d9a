-- Updates of other centres, which headquarters passes on.

-- name: position
SELECT position, stored_at FROM news_position WHERE stream = :stream;

-- name: set_position
INSERT INTO news_position (stream, position, stored_at) VALUES (:stream, :position, :stored_at)
ON CONFLICT (stream) DO UPDATE SET position = :position, stored_at = :stored_at;

-- name: voter_at
SELECT voter.voter_id FROM booth CROSS JOIN voter ON voter.booth_id = booth.booth_id
WHERE booth.roll_version = :roll_version AND booth.state_code = :state_code AND booth.constituency_number = :constituency_number
  AND booth.part_number = :part_number AND voter.serial = :serial;

-- name: constituencies
SELECT DISTINCT state_code, constituency_number FROM booth ORDER BY state_code, constituency_number;
