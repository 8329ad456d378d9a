"""The bytes that seals hash never change, so that stores of earlier versions still verify."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dialer.store import seals
from dialer.store.migrate import migrate_schema

ROWS = """
INSERT INTO booth (booth_id, roll_version, state_code, constituency_number, part_number) VALUES (1, '2026-1', 'S13', 209, 118);
INSERT INTO voter (voter_id, booth_id, serial) VALUES (1, 1, 7), (2, 1, 8);
INSERT INTO phone (phone_id, e164, consent, consent_source, consent_at) VALUES (1, '+917000000001', 'given', 'form 7', 5.5),
    (2, '+917000000002', 'unknown', '', NULL);
INSERT INTO link (voter_id, phone_id) VALUES (1, 1), (2, 2);
INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('turnout', 'agents', 'turnout');
INSERT INTO lawful (lawful_id, digest, grounds) VALUES (1, 'ab', '{"verdict":"allowed"}');
INSERT INTO rules_version (digest, text, since) VALUES ('cd', '{"profile":"India"}', 1.25);
INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at, lawful_id,
    gap_seconds)
    VALUES ('open', 'turnout', 1, 1, 1, 'carrier-a', '+911140000000', 100.5, 1, NULL);
INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at, ringing_at,
    answered_at, connected_at, ended_at, outcome, cause, technical_cause, seat, agent, disposition, disposed_at, note)
    VALUES ('ended', 'turnout', 2, 2, 1, 'carrier-a', '+911140000000', 100.5, 101, 103.25, 104, 150, 'connected', 16, '200',
    '04', 'Āshā', 'voted', 151, 'n-1'),
    ('plain', 'turnout', 2, 2, 2, 'carrier-a', '+911140000000', 200.5, NULL, NULL, NULL, 230, 'no-answer', NULL, NULL, NULL, NULL,
    NULL, NULL, NULL);
INSERT INTO mark (mark_id, key, voter_id, kind, hour, source, at, attempt_id, agent, confidence)
    VALUES (1, 'k', 2, 'later', 17, 'agent', 140, 'ended', 'asha', 'said');
INSERT INTO opt_out (e164, at, source, attempt_id, opt_out_id) VALUES ('+917000000002', 160, 'agent', 'ended', 1);
INSERT INTO opt_out_hash (number_hash, at, centre, opt_out_hash_id) VALUES ('0f', 170, 'nagpur-1', 1);
INSERT INTO consent_ahead (e164, consent, source, at, consent_ahead_id) VALUES ('+917000000003', 'withdrawn', 'letter', 180, 1);
INSERT INTO complaint (complaint_id, key, at, about, channel, entered_at, who) VALUES (1, 'c', 190, 'other', 'call', 191, 'asha');
INSERT INTO complaint_answer (answer_id, key, complaint_id, at, answer, who) VALUES (1, 'a', 1, 195, 'explained', 'asha');
INSERT INTO official_turnout (figure_id, day, constituency_number, part_number, by_time, share, entered_at, who, state_code)
    VALUES (1, '2026-04-22', 209, NULL, '09:00', 0.125, 196, 'asha', 'S13');
INSERT INTO released_unknown (attempt_id, at, who, reason) VALUES ('plain', 240, 'asha', 'looked at');
INSERT INTO register (name, dated, imported_at, numbers, sha256) VALUES ('ncpr', 1, 2, 1, 'ff');
INSERT INTO registered (e164, register) VALUES ('+917000000009', 'ncpr');
"""
EXPECTED = "ab7534e31fe0de42917cef78810f4e8196cf16f994ba05ea980cf6c5344c63df"
"""SHA-256 of the seals that the first version with seals of all these kinds made of these rows, with salts of zeros."""


def test_seals_hash_the_same_bytes_of_a_row_as_in_the_first_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.urandom", bytes)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate_schema(db, Path("centre.db"))
        db.executescript(ROWS)
        seals.seal_unsealed_rows(db, 300.0)
        for attempt_id, kind in (("open", "talk"), ("ended", "talk"), ("plain", "end")):
            seals.seal_attempt(db, attempt_id, kind)
        found = db.execute("SELECT entity, row_id, kind, salt, digest, checks FROM seal ORDER BY seal_id").fetchall()
    assert len(found) == 18
    assert hashlib.sha256(repr(found).encode()).hexdigest() == EXPECTED
