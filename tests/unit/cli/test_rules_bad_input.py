"""Commands about rules refuse invalid profiles, settings and times in one line."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.model import Booth
from dialer.engine.core import Core
from dialer.engine.plan import EnginePlan
from dialer.engine.turnout.polls import Polls
from dialer.rules.rulebook import list_polling_days
from dialer.settings.jurisdiction import JURISDICTIONS
from dialer.site.polling_day import make_polling_day_plan_from_settings
from tests.support.command_line import run
from tests.support.roll_filler import fill_roll
from tests.support.roll_support import write_roll
from tests.support.rules import KOLKATA, site
from tests.support.stored import query_store

SETTINGS = """
[store]
path = "{store}"
[rules]
jurisdiction = "{profile}"
polls = [{{ day = 2024-04-26{close} }}]
[[trunks]]
name = "carrier"
endpoint = "carrier"
caller_ids = ["+911140000001"]
[[campaigns]]
id = "material"
kind = "agents"
purpose = "material"
candidate = "A. Candidate"
"""
NOON = "2024-04-22T12:00"


def settings(directory: Path, *, profile: str = "neutral", close: str = "", more: str = "") -> Path:
    path = directory / "centre.toml"
    text = SETTINGS.format(store=directory / "centre.db", profile=profile, close=close) + more
    path.write_text(text, encoding="utf-8")
    return path


def own_profile(directory: Path, old: str, new: str) -> str:
    text = (JURISDICTIONS / "neutral.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = directory / "own.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return str(path)


def roll(directory: Path, closes_at: str) -> None:
    """Import a roll with one voter, whose booth closes at the given time."""
    header = ("AC_NO", "PART_NO", "SLNOINPART", "FM_NAME_EN", "MOBILE", "CLOSES_AT")
    path = write_roll(directory / "roll.csv", [("174", "1", "7", "Mira", "9812345678", closes_at)], header)
    code, text = run("import", path, "--store", directory / "centre.db")
    assert code == 0, text
    assert ("booths without a closing time" in text) == (not closes_at)


@pytest.mark.parametrize(
    ("old", "new", "output"),
    [
        (
            'source = "any number of the site\'s own pool that can be called back"\n',
            "",
            "caller_id.source: the rule has no source; add where the rule is written",
        ),
        (
            '[["09:00", "20:00"]]',
            '[["20:00", "09:00"]]',
            "weekday must end after it starts (is 20:00 to 09:00)",
        ),
        ("minimum_seconds = 15", "minimum_seconds = -1", "ring.minimum_seconds: Input should be greater than"),
    ],
)
def test_jurisdiction_profile_with_a_mistake_is_refused(tmp_path: Path, old: str, new: str, output: str) -> None:
    config = settings(tmp_path, profile=own_profile(tmp_path, old, new))
    for command in (("rules", "check"), ("rules", "show")):
        code, text = run(*command, "-c", config)
        assert (code, output in text, "\n" in text) == (2, True, False)


def test_setting_less_strict_than_the_jurisdiction_profile_is_refused(tmp_path: Path) -> None:
    config = settings(tmp_path, more="[rules.stricter.redial_lock]\nhours = 1\n")
    line = config.read_text(encoding="utf-8").splitlines().index("hours = 1") + 1
    code, text = run("rules", "check", "-c", config)
    assert code == 2
    assert text == (
        f"{config}:{line}: rules.stricter.redial_lock.hours: 1 is looser than the profile 'neutral' (72.0); "
        "a site may only set more."
    )


def test_polling_day_with_closing_time_before_opening_time_is_refused(tmp_path: Path) -> None:
    code, text = run("rules", "check", "-c", settings(tmp_path, close=", closes_at = 05:00:00"))
    assert code == 2
    assert "rules.polls[0].closes_at: must be after the polls open, at 07:00 (is 05:00); see polling_day.opens" in text


@pytest.mark.parametrize("closes_at", ["", "05:00"])
def test_voters_of_an_area_without_a_close_of_poll_get_no_campaign_calls(tmp_path: Path, closes_at: str) -> None:
    """No material call is allowed there until the settings name the time: the silence interval may have begun."""
    roll(tmp_path, closes_at)
    assert query_store(tmp_path / "centre.db", "SELECT closes_at FROM booth") == [(closes_at,)]
    config = settings(tmp_path)
    code, text = run("rules", "check", "-c", config, "--at", NOON)
    assert (code, "ERROR   silence interval: 1 polling areas have no close of poll" in text) == (1, True)
    _, text = run("rules", "explain", "174/1/7", "-c", config, "--at", NOON)
    assert "next: never, unless something changes" in text
    assert "the close of poll of this polling area is unknown (set it in `rules.polls` or on the roll)" in text
    config = settings(tmp_path, close=", closes_at = 15:00:00")
    assert run("rules", "check", "-c", config, "--at", NOON)[0] == 0
    _, text = run("rules", "explain", "174/1/7", "-c", config, "--at", "2024-04-24T16:00")
    assert "silence interval of the polling area: no material calls until Fri 26 Apr 15:00" in text


def test_do_not_call_register_older_than_the_profile_allows_is_refused(tmp_path: Path) -> None:
    roll(tmp_path, "18:00")
    config = settings(tmp_path)
    (tmp_path / "register.txt").write_text("+919812345678\n", encoding="utf-8")
    code, text = run(
        "register", "import", tmp_path / "register.txt", "--name", "own", "--dated", "2020-01-01", "-c", config
    )
    assert code == 2
    assert (
        text == "--dated: the register 'own' of 2020-01-01 is older than 28 days, the limit of the legal rules"
        " (jurisdiction profile): import its newest issue"
    )


def test_voter_list_is_not_exported_after_the_retention_period(tmp_path: Path) -> None:
    roll(tmp_path, "18:00")
    out = tmp_path / "list.csv"
    code, text = run("list", "strike-off", "--for", "A. Worker", "--out", out, "-c", settings(tmp_path))
    assert code == 2
    output = (
        "no list was written, because the law requires that names and numbers are erased 45 days after the poll of "
        "2024-04-26: run `dialer purge`"
    )
    assert text == output
    assert not out.exists()
    assert query_store(tmp_path / "centre.db", "SELECT count(*) FROM audit WHERE kind LIKE '%list%'") == [(0,)]


@pytest.mark.parametrize(
    ("rolls_hour", "settings_hour", "printed"),
    [("18:00", None, "18:00"), ("18:00", "15:00", "15:00"), ("", "15:00", "15:00"), ("", None, "")],
)
def test_close_of_poll_in_the_settings_overrides_the_close_of_poll_on_the_roll(
    rolls_hour: str, settings_hour: str | None, printed: str
) -> None:
    polls = [{"day": "2024-04-26", **({"closes_at": settings_hour} if settings_hour else {})}]
    chosen = site(rules={"polls": polls})
    plan = SimpleNamespace(polling=None)
    polls_known = Polls(Core("test", KOLKATA, SystemClock(), cast(EnginePlan, plan)))
    booth = Booth(1, 174, 1, "School", "hi", rolls_hour)
    assert polls_known.format_closing_time_of_booth(booth) == rolls_hour
    plan.polling = make_polling_day_plan_from_settings(chosen, list_polling_days(chosen))
    assert polls_known.format_closing_time_of_booth(booth) == printed


@pytest.mark.parametrize(
    "at", ["0001-01-01", "0001-01-01T00:00+14:00", "1969-12-31T00:00Z", "9999-12-31", "9999-12-31T23:59:59-14:00"]
)
@pytest.mark.parametrize("command", [("explain", "1"), ("check",)])
def test_rules_commands_refuse_a_time_before_1970_or_after_2999(
    tmp_path: Path, command: tuple[str, ...], at: str
) -> None:
    fill_roll(tmp_path / "centre.db", 2)
    code, text = run("rules", *command, "-c", settings(tmp_path), "--at", at)
    assert code == 2
    assert "must be between 1970 and 2999" in " ".join(text.replace("│", "").split())
