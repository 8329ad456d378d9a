-- Accounts of headquarters' pages. PostgreSQL.

-- name: accounts
SELECT name, role, zone, added_at, changed_at FROM account ORDER BY name;

-- name: set_account
INSERT INTO account AS a (name, role, zone, added_at, changed_at) VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (name) DO UPDATE SET role = excluded.role, zone = excluded.zone, changed_at = excluded.changed_at;

-- name: remove_account
DELETE FROM account WHERE name = $1;
