-- What a supervisor has ordered of a campaign or a seat, and the dialler goes on doing after a restart.
CREATE TABLE standing_order (
    addressee TEXT NOT NULL,                              -- "campaign/turnout", "seat/04"
    command   TEXT NOT NULL,                              -- its name on the wire
    content   TEXT NOT NULL CHECK (json_valid(content)),
    at        REAL NOT NULL,                              -- epoch seconds
    until     REAL,                                       -- NULL: until it is taken back, or, a seat's, its agent has gone
    PRIMARY KEY (addressee, command)
) WITHOUT ROWID;
