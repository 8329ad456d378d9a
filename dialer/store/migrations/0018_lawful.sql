-- Why each call was lawful: by what rules, and what was known of the number. Most calls have the same reasons, which are kept once.
CREATE TABLE rules_version (
    digest TEXT PRIMARY KEY,                               -- SHA-256 of `text`
    text   TEXT NOT NULL,                                  -- JSON: the profile as it holds at the site, and its polling days
    since  REAL NOT NULL                                   -- when a dialler first started with it
);
CREATE TABLE lawful (
    lawful_id INTEGER PRIMARY KEY,
    digest    TEXT    NOT NULL UNIQUE,                     -- SHA-256 of `grounds`
    grounds   TEXT    NOT NULL                             -- JSON object of strings: the gate's verdict and what it rests on
);
ALTER TABLE attempt ADD COLUMN lawful_id INTEGER REFERENCES lawful;  -- NULL: of an earlier version, or one that came in
ALTER TABLE attempt ADD COLUMN gap_seconds REAL;           -- since the end of the last call to the number; NULL: there was none
