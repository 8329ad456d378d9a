-- Known devices: the users who have signed in on a browser, by the digest of its cookie.

-- name: users_of_device
SELECT user FROM known_device WHERE digest = :digest AND used_at >= :since;

-- name: save_sign_in_on_device
INSERT INTO known_device (digest, user, used_at) VALUES (:digest, :user, :at)
ON CONFLICT (digest, user) DO UPDATE SET used_at = excluded.used_at;

-- name: delete_old_devices
DELETE FROM known_device WHERE used_at < :before;

-- name: delete_oldest_devices_of_user
DELETE FROM known_device WHERE user = :user AND digest NOT IN (
    SELECT digest FROM known_device WHERE user = :user ORDER BY used_at DESC LIMIT :count
);
