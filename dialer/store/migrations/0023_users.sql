-- Who may give commands, beside those of the settings. A password or passkey from before added_at is not this user's, and no
-- session from before changed_at goes on.
CREATE TABLE user (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'listener', 'coach', 'compliance', 'supervisor')),
    added_at   REAL NOT NULL,
    changed_at REAL NOT NULL
) WITHOUT ROWID;
