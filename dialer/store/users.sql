-- Users who may give commands, in addition to those in the settings.

-- name: users
SELECT name, role, added_at, changed_at FROM user ORDER BY name;

-- name: role_of
SELECT role FROM user WHERE name = :name;

-- name: add_or_change_user
INSERT INTO user (name, role, added_at, changed_at) VALUES (:name, :role, :at, :at)
ON CONFLICT (name) DO UPDATE SET role = excluded.role, changed_at = excluded.changed_at WHERE role <> excluded.role;

-- name: delete_user
DELETE FROM user WHERE name = :name;
