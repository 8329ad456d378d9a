-- Who may give commands, beside those of the settings.

-- name: kept
SELECT name, role, added_at, changed_at FROM user ORDER BY name;

-- name: role_of
SELECT role FROM user WHERE name = :name;

-- name: set_user
INSERT INTO user (name, role, added_at, changed_at) VALUES (:name, :role, :at, :at)
ON CONFLICT (name) DO UPDATE SET role = excluded.role, changed_at = excluded.changed_at WHERE role <> excluded.role;

-- name: remove_user
DELETE FROM user WHERE name = :name;
