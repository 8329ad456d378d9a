"""Consent for a number that is on no roll yet is stored and applies once the number is added."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from dialer.domain.phone_facts import Consent
from dialer.roll.importer import ImportOptions, import_roll_file
from dialer.roll.workers import import_booth_workers
from dialer.store.connection import open_store_for_reading
from dialer.store.number_history import read_history_of_number
from tests.support.command_line import run
from tests.support.roll_filler import ROLL_VERSION, fill_roll
from tests.support.stored import query_store

NUMBER, OTHER = "+919812345678", "+919812345679"


@pytest.fixture
def store_with_consent(tmp_path: Path) -> Path:
    """Return a store in which consent was given, and later withdrawn, for a number that is not on the roll."""
    path = tmp_path / "centre.db"
    fill_roll(path, 9, voters_per_booth=9)
    numbers = tmp_path / "numbers.csv"
    numbers.write_text(f"{NUMBER}\n", encoding="utf-8")
    for status, source in (("given", "form 7"), ("withdrawn", "letter")):
        code, text = run("consent", "import", numbers, "--status", status, "--source", source, "--store", path)
        assert (code, "0 numbers; 1 more are stored for later rolls" in text) == (0, True)
    return path


def read_consent(path: Path, number: str) -> Consent:
    with closing(open_store_for_reading(path)) as db:
        return read_history_of_number(db, number, 0.0).facts.consent


@pytest.mark.parametrize("by", ["roll", "list of workers"])
def test_earlier_consent_applies_to_a_number_imported_later(store_with_consent: Path, tmp_path: Path, by: str) -> None:
    assert (read_consent(store_with_consent, NUMBER), read_consent(store_with_consent, OTHER)) == (
        Consent.WITHDRAWN,
        Consent.UNKNOWN,
    )
    listed = tmp_path / "listed.csv"
    if by == "roll":
        head = "ST_CODE,AC_NO,PART_NO,SLNOINPART,FM_NAME_EN,MOBILE"
        rows = f"S24,174,1,500,Ravi,{NUMBER}\nS24,174,1,501,Asha,{OTHER}"
        listed.write_text(f"{head}\n{rows}\n", encoding="utf-8")
        assert import_roll_file(listed, store_with_consent, ImportOptions(roll_version=ROLL_VERSION)).numbers == 2
    else:
        listed.write_text(f"constituency,part,number\n174,1,{NUMBER}\n174,1,{OTHER}\n", encoding="utf-8")
        import_booth_workers(listed, store_with_consent, "IN")
    assert query_store(
        store_with_consent, "SELECT e164, consent, consent_source FROM phone WHERE e164 > '+91980' ORDER BY 1"
    ) == [
        (NUMBER, "withdrawn", "letter"),
        (OTHER, "unknown", ""),
    ]
    assert (read_consent(store_with_consent, NUMBER), read_consent(store_with_consent, OTHER)) == (
        Consent.WITHDRAWN,
        Consent.UNKNOWN,
    )
    assert query_store(store_with_consent, "SELECT count(*) FROM consent_ahead") == [
        (0,)
    ]  # the consent is stored only once
