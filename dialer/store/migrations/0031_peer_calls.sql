-- When other centres last called the numbers of this store: the minimum intervals between calls hold across centres.
CREATE TABLE peer_call (
    phone_id     INTEGER PRIMARY KEY REFERENCES phone,
    called_at    REAL,                       -- end of the last call to the number, and so on; NULL: there was none
    talked_at    REAL,                       -- of the last conversation
    abandoned_at REAL                        -- of the last abandoned call
);
