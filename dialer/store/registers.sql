-- Do-not-call registers. They are keyed by number, so that they also hold for numbers that a later roll brings.

-- name: registers
SELECT name, dated, numbers FROM register ORDER BY name;

-- name: imports
SELECT name, imported_at FROM register ORDER BY name;

-- name: set_register
INSERT INTO register (name, dated, imported_at, numbers, sha256) VALUES (:name, :dated, :at, :numbers, :sha256)
ON CONFLICT (name) DO UPDATE SET dated = :dated, imported_at = :at, numbers = :numbers, sha256 = :sha256;

-- name: dated
SELECT dated FROM register WHERE name = :name;

-- name: delete_numbers
DELETE FROM registered WHERE register = :name;

-- name: insert_number
INSERT INTO registered (e164, register) VALUES (:number, :name) ON CONFLICT DO NOTHING;

-- name: count_numbers
SELECT count(*) FROM registered WHERE register = :name;

-- name: issue_at
SELECT what ->> 'dated' FROM audit
WHERE kind = 'register-import' AND what ->> 'register' = :name AND at <= :at ORDER BY number DESC LIMIT 1;
