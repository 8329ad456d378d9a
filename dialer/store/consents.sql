-- Consents of numbers. Those of numbers that are not on the roll yet wait in consent_ahead until a roll brings the
-- number.

-- name: set_consent_of_number
UPDATE phone SET consent = :consent, consent_source = :source, consent_at = :at WHERE e164 = :number;

-- name: set_consent_ahead
INSERT INTO consent_ahead (e164, consent, source, at) VALUES (:number, :consent, :source, :at)
ON CONFLICT (e164) DO UPDATE SET consent = :consent, source = :source, at = :at;

-- Slow: reads all numbers.
-- name: count_numbers_with_consent
SELECT count(*) FILTER (WHERE consent = 'given') AS given, count(*) AS numbers FROM phone WHERE opted_out_at IS NULL;
