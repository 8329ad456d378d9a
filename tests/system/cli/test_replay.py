"""`dialer simulate --day`: a day recorded by an engine is read from the store and simulated again."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from dialer.centre_model.scenario import BadScenario
from dialer.cli.main import app
from dialer.cli.simulate import replay_recorded_day
from dialer.domain.view import CentreView
from dialer.errors import MatdanError
from dialer.simulation.agents import AgentHabits
from dialer.simulation.replay.recorded_day import RecordedDay, compute_figures_of_recorded_day
from dialer.simulation.replay.store_day import parse_simulated_day, read_recorded_day_from_store
from tests.support.centre import a_site, agents_at_work
from tests.support.roll_filler import fill_roll
from tests.support.virtual import virtual_time

INDIA = ZoneInfo("Asia/Kolkata")
DAY = date(2024, 4, 22)
SECONDS = 1500.0


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, RecordedDay, CentreView]]:
    """Provide a store that an engine has filled, its day as it was read meanwhile, and the engine's own figures."""
    directory = tmp_path_factory.mktemp("day")
    seen: list[tuple[RecordedDay, CentreView]] = []

    @virtual_time()
    async def run_engine() -> None:
        async with a_site(directory, voters=1500, seats=6, campaign={"pacing": "predictive"}) as site:
            async with agents_at_work(site, AgentHabits(wrap_up_seconds=8.0, break_share=0.0)):
                await asyncio.sleep(SECONDS)
            seen.append((read_recorded_day_from_store(directory / "centre.db", DAY, INDIA), site.centre_view))

    run_engine()
    yield directory / "centre.db", *seen[0]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["simulate", *arguments], catch_exceptions=False, standalone_mode=False)
    return result.stdout


def test_replay_of_a_recorded_day_places_about_as_many_calls_as_were_recorded(
    recorded: tuple[Path, RecordedDay, CentreView],
) -> None:
    _, day, view = recorded
    figures, campaign = compute_figures_of_recorded_day(day), view.campaigns[0]
    live = sum(campaign.calls.values())
    assert figures.placed == campaign.attempts - live
    assert 0 <= campaign.connected - figures.connected <= 6  # those whose conversation goes on are not of the day yet
    assert figures.abandoned_share == pytest.approx(campaign.abandoned_rate, abs=0.01)
    assert day.first_hour == 9
    assert SECONDS / 3600.0 * 0.9 < day.hours < SECONDS / 3600.0
    assert max(there for _, there in day.seats.points) == 6
    assert day.left_out == 0
    used = sum(seat.utilisation for seat in view.seats) / len(view.seats)
    assert figures.utilisation == pytest.approx(used, abs=0.08)


def test_dialer_simulate_of_a_day_compares_pacing_policies_with_the_recorded_figures(
    recorded: tuple[Path, RecordedDay, CentreView], tmp_path: Path
) -> None:
    store, day, _ = recorded
    picture = tmp_path / "day.svg"
    before = store.read_bytes()
    options = ("--replay", str(store), "--seeds", "1", "--policy", "predictive", "--policy", "progressive")
    text = run(*options, "--day", "2024-04-22", "--plot-day", str(picture))
    assert "replay of 2024-04-22" in text
    assert text.index("recorded") < text.index("predictive") < text.index("progressive")
    assert picture.stat().st_size > 1000
    output = json.loads(run(*options, "--day", "2024-04-22", "--json"))
    figures = compute_figures_of_recorded_day(day)
    assert output["recorded"]["idle_seconds_per_call"] == pytest.approx(figures.idle_seconds_per_call, rel=0.15)
    for untold in ("first_half_hour_idle_seconds", "decision_microseconds"):  # by the store
        assert output["recorded"][untold] is None
    predictive, progressive = output["outcomes"]
    # What a seat does is the day's own, whoever paces it; how long it waits is the policy's.
    assert 0.5 < predictive["idle_seconds_per_call"] / output["recorded"]["idle_seconds_per_call"] < 1.5
    assert progressive["idle_seconds_per_call"] > predictive["idle_seconds_per_call"]
    assert store.read_bytes() == before


def test_replay_of_a_day_reads_the_store_named_in_the_settings_by_default(
    recorded: tuple[Path, RecordedDay, CentreView], tmp_path: Path
) -> None:
    settings = tmp_path / "centre.toml"
    settings.write_text(f'[store]\npath = "{recorded[0]}"\n', encoding="utf-8")
    options = ("--seeds", "1", "--policy", "progressive", "--day", "2024-04-22")
    assert "recorded" in run("-c", str(settings), *options)


@pytest.mark.parametrize(("jurisdiction", "seconds"), [("neutral", 15.0), ("india", 30.0)])
def test_replay_of_a_day_uses_the_minimum_ring_time_of_the_site(
    recorded: tuple[Path, RecordedDay, CentreView], tmp_path: Path, jurisdiction: str, seconds: float
) -> None:
    settings = tmp_path / "centre.toml"
    settings.write_text(f'[rules]\njurisdiction = "{jurisdiction}"\n', encoding="utf-8")
    _, scenario = replay_recorded_day("2024-04-22", recorded[0], settings, ["progressive"], [1], 0.03)
    assert scenario.minimum_ring_seconds == seconds


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--day", "2024-04-23"], "no calls of agent campaigns on 2024-04-23; its calls are from 2024-04-22 to"),
        (["--day", "22.4.2024"], "--day must be a date such as 2026-04-22 (is '22.4.2024')"),
        (["--day", "2024-13-01"], "--day must be a date such as 2026-04-22 (is '2024-13-01')"),
        ([], "give it with --day"),
        (["--day", "2024-04-22", "--hours", "2"], "leave out --scenario, --hours and --what-if"),
        (["--day", "2024-04-22", "--what-if", "seats=+1"], "leave out --scenario, --hours and --what-if"),
        (["--day", "2024-04-22", "--policy", "magic"], "there is no pacing policy 'magic'"),
    ],
)
def test_invalid_replay_option_gives_a_one_line_error(
    recorded: tuple[Path, RecordedDay, CentreView], arguments: list[str], words: str
) -> None:
    with pytest.raises(MatdanError) as refused:
        run("--replay", str(recorded[0]), *arguments)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_replay_of_a_file_that_is_not_a_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MatdanError, match="no such store"):
        run("--replay", str(tmp_path / "none.db"), "--day", "2024-04-22")
    other = tmp_path / "other.db"
    other.write_text("no store at all", encoding="utf-8")
    with pytest.raises(MatdanError, match="not a Matdan store"):
        run("--replay", str(other), "--day", "2024-04-22")


# By hand


def write_store(path: Path, calls: int, *, seats: bool = True, inbound: bool = False) -> Path:
    """Create a store with one call a minute from 9:00; every third is connected to seat 01 for 30 s, with 10 s of wrap-up."""
    fill_roll(path, 600, voters_per_booth=100)
    nine = datetime(2024, 4, 22, 9, tzinfo=INDIA).timestamp()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('c', 'agents', 'turnout')")
        numbers = db.execute("SELECT phone_id, min(voter_id) FROM link GROUP BY phone_id LIMIT ?", (calls,)).fetchall()
        for number, (phone, voter) in enumerate(numbers):
            at = nine + 60.0 * number
            ends: tuple[object, ...] = (None, None, at + 20.0, "no-answer", None)
            spans = [("ready", 0.0, 60.0)]
            if number % 3 == 0:
                ends = (at + 5.0, at + 6.0, at + 36.0, "connected", "01")
                spans = [("ready", 0.0, 6.0), ("talking", 6.0, 36.0), ("wrap-up", 36.0, 46.0), ("ready", 46.0, 60.0)]
                if inbound:  # then the seat goes to a voter who called us
                    spans[-1] = ("talking", 46.5, 60.0)
            elif number % 3 == 1:
                ends = (None, None, at + 12.0, "cancelled", None)
            db.execute(
                "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
                " ringing_at, answered_at, connected_at, ended_at, outcome, seat)"
                " VALUES (?, 'c', ?, ?, 1, 't', 'c', ?, ?, ?, ?, ?, ?, ?)",
                (f"a{number}", phone, voter, at, at + 2.0, *ends),
            )
            db.executemany(
                "INSERT INTO seat_interval (seat, state, from_at, until_at) VALUES ('01', ?, ?, ?)",
                [(state, at + since, at + until) for state, since, until in spans if seats],
            )
    return path


def test_replay_derives_talk_times_wrap_up_times_and_seats_from_seat_states(tmp_path: Path) -> None:
    day = read_recorded_day_from_store(write_store(tmp_path / "a.db", 150), DAY, INDIA)
    figures = compute_figures_of_recorded_day(day)
    assert (figures.placed, figures.connected, figures.cancelled) == (150, 50, 50)
    assert day.seats.points == ((0.0, 1.0), (149 * 60.0 + 20.0, 0.0))
    assert figures.idle_seconds_per_call == pytest.approx((149 * 60.0 + 20.0 - 50 * 40.0) / 50, rel=0.001)


def test_replay_of_a_day_does_not_count_a_seat_during_an_inbound_call(tmp_path: Path) -> None:
    day = read_recorded_day_from_store(write_store(tmp_path / "a.db", 150, inbound=True), DAY, INDIA)
    assert [day.seats.get_value_at_time_of_day(second) for second in (30.0, 50.0, 70.0)] == [1.0, 0.0, 1.0]


def test_replay_of_a_day_with_too_few_calls_or_seats_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadScenario, match="the day has 40 attempts; a replay needs at least 100"):
        read_recorded_day_from_store(write_store(tmp_path / "a.db", 40), DAY, INDIA)
    with pytest.raises(BadScenario, match="does not say how many seats were logged in on 2024-04-22"):
        read_recorded_day_from_store(write_store(tmp_path / "b.db", 150, seats=False), DAY, INDIA)


def test_replay_counts_and_leaves_out_calls_with_inconsistent_times(tmp_path: Path) -> None:
    path = write_store(tmp_path / "a.db", 150)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE attempt SET ended_at = created_at - 5 WHERE attempt_id = 'a1'")  # the clock was set back
    day = read_recorded_day_from_store(path, DAY, INDIA)
    assert (len(day.attempts), day.left_out) == (149, 1)


def test_replay_selects_a_days_calls_in_the_centres_time_zone(tmp_path: Path) -> None:
    path = write_store(tmp_path / "a.db", 150)
    assert read_recorded_day_from_store(path, DAY, INDIA).first_hour == 9
    assert (
        read_recorded_day_from_store(path, DAY, ZoneInfo("UTC")).first_hour
        == datetime(2024, 4, 22, 3, 30, tzinfo=UTC).hour
    )
    with pytest.raises(BadScenario, match="its calls are from 2024-04-22 to 2024-04-22"):
        read_recorded_day_from_store(path, parse_simulated_day("2024-04-21"), INDIA)
