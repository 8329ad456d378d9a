"""The terminal board: its texts, and its layout on terminals of different sizes."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from dialer.board.parts import draw_proportion_bar, draw_stacked_bar, format_duration
from dialer.board.render import BoardExtras, render_board
from dialer.board.runner import run_board
from dialer.domain.alerts import Alert, AlertKind, AlertLevel, create_alert
from dialer.domain.forecast import Forecast
from dialer.domain.model import CampaignState
from dialer.domain.view import CallState, CentreView, Hold, HoldReason, SeatState, TrunkState
from dialer.pacing.port import Limit
from dialer.settings.jurisdiction import load_profile
from dialer.settings.site import load_settings
from dialer.settings.site_rules import find_lowest_cap_on_abandoned_rate
from dialer.simulation.demo.centre import DEMO_SETTINGS
from tests.support.fake_centre import AT, campaign_view, centre_view, change_state
from tests.support.virtual import virtual_time

EXTRAS = BoardExtras("mosquitto", elapsed_seconds=42.0, whole_seconds=60.0, zone=ZoneInfo("Asia/Kolkata"))


def render_lines(
    view: CentreView,
    width: int = 100,
    height: int = 30,
    *,
    previous: CentreView | None = None,
    extras: BoardExtras | None = None,
) -> list[str]:
    """Return the board as lines of text."""
    console = Console(width=width, height=height, file=io.StringIO(), record=True, color_system=None)
    console.print(render_board(view, previous, width=width, height=height, extras=extras or EXTRAS))
    return console.export_text().rstrip("\n").split("\n")


def test_board_of_27_seats_fits_a_terminal_of_100_by_30_characters() -> None:
    alert = create_alert(AlertKind.LIST_LOW, AT, campaign="turnout-ivr", remaining=40)
    shown = render_lines(centre_view(alerts=(alert,)))
    assert len(shown) == 30
    assert max(map(len, shown)) == 100
    assert [line for line in shown if "209/" in line]
    assert not [line for line in shown if "…" in line]
    text = "\n".join(shown)
    for said in (
        "pune-1",
        "13:12:07",  # 07:42:07 UTC in India
        "● switch",
        "● mosquitto",
        "0:42 of 1:00",
        "turnout-agents · agents",
        "░ ring 6",
        "█ talk 15",
        "in-flow 9",
        "attempts 1,480  answered 540 36 %",
        "abandoned 9 1.7 %",
        "cap 3 %",
        "1,120/5,200",
        "enough calls in progress for the free agents",
        "carrier-a",
        "26/60",
        "opt-outs",
        "only 40 numbers remain",
        "of 24 booths, 3 not contacted yet",
    ):
        assert said in text
    assert all(f"seat-{number:02}" in text for number in range(1, 28))


def test_board_shows_the_event_loop_lag_if_there_is_room() -> None:
    assert "loop lag p99 2.1 ms" in "\n".join(render_lines(centre_view(), height=40))


def test_board_shows_call_starts_per_minute_since_an_earlier_update() -> None:
    now = centre_view()
    earlier = change_state(
        replace(now, campaigns=tuple(replace(c, attempts=c.attempts - 7) for c in now.campaigns)), at=AT - 10
    )
    assert "42 starts/min" in "\n".join(render_lines(now, previous=earlier))
    assert "starts/min" not in "\n".join(render_lines(now))


def test_board_shows_why_a_campaign_is_held_instead_of_its_pacing_text() -> None:
    held = replace(
        campaign_view("turnout-agents"), hold=Hold(HoldReason.CALLING_HOURS, "outside calling hours until 09:00")
    )
    text = "\n".join(render_lines(replace(centre_view(), campaigns=(held,))))
    assert "held: outside calling hours until 09:00" in text
    assert "enough calls" not in text


@pytest.mark.parametrize("limit", Limit)
def test_text_of_each_pacing_limit_fits_into_the_narrowest_panel_of_the_board(limit: Limit) -> None:
    said = limit.text
    assert len(said) <= 52
    paced = tuple(replace(campaign, limited_by=limit.value) for campaign in centre_view().campaigns)
    for width, height in ((120, 40), (80, 24)):
        shown = render_lines(replace(centre_view(), campaigns=paced), width, height)
        assert len([line for line in shown if said in line]) == (1 if width == 120 else 2)
        assert not [line for line in shown if "…" in line and "209/" not in line]


def test_board_fits_a_terminal_of_80_by_24_characters() -> None:
    shown = render_lines(centre_view(), 80, 24)
    assert len(shown) == 24
    assert "and 15 more seats" in "\n".join(shown)
    assert "carrier-b" in "\n".join(shown)


def test_board_shows_booth_names_if_there_is_room() -> None:
    view = replace(centre_view(booths=1), booths=tuple(replace(b, contacted=9) for b in centre_view(booths=1).booths))
    assert any("209/1 Kothrud, Primary School, Room 1 " in line for line in render_lines(view, 160, 40))
    assert any("209/1 Kot" in line and " Room 1 " in line for line in render_lines(view, 120, 40))
    assert any("209/1  " in line for line in render_lines(view, 50, 30))


def test_parts_of_a_bar_on_the_status_board_are_distinguishable_without_colours() -> None:
    (bar,) = [line for line in render_lines(centre_view(), 120, 40) if "··" in line and "▌" in line]
    assert "░" in bar
    assert "█" in bar
    assert "▓" in bar  # calls in a call flow


def test_board_shows_the_outcomes_of_calls_if_there_is_room() -> None:
    assert any("no-answer ━" in line and " 1,622  61 %" in line for line in render_lines(centre_view(), 120, 40))
    assert not any("no-answer" in line for line in render_lines(centre_view(), 100, 30))


def test_board_counts_refused_calls_and_shows_the_most_frequent_reason() -> None:
    refused = replace(campaign_view("turnout-agents"), refused={"silence": 1200, "redial-lock": 3})
    text = "\n".join(render_lines(replace(centre_view(), campaigns=(refused,))))
    assert "held back by rules 1,203, most: silence" in text
    assert "held back by rules" not in "\n".join(render_lines(centre_view()))


def test_board_shows_lost_connections_to_asterisk_and_broker_as_down() -> None:
    text = "\n".join(
        render_lines(
            change_state(centre_view(), switch_up=False, draining=True), extras=BoardExtras("mosquitto", False)
        )
    )
    assert "switch down" in text
    assert "broker down" in text
    assert "draining" in text


@pytest.mark.parametrize("width", [60, 70, 80, 90, 100, 120])
def test_narrow_header_of_the_status_board_omits_its_least_important_parts_first(width: int) -> None:
    for view in (centre_view(), change_state(centre_view(), draining=True)):
        head = render_lines(view, width, 24)[0]
        assert "…" not in head
        assert "13:12:07  " in head
        assert "● switch" in head
        assert "0:42" in head
        assert ("draining" in head) == view.state.draining
    assert ("━" in render_lines(centre_view(), width, 24)[0]) == (width >= 90)


def test_board_lists_the_most_severe_active_alerts_first() -> None:
    alerts = (
        create_alert(AlertKind.LIST_LOW, AT, campaign="turnout-ivr", remaining=40),
        create_alert(AlertKind.SWITCH_DOWN, AT - 60, problem="connection refused"),
        create_alert(AlertKind.ORIGINATE, AT, problem="busy", cleared=True),
    )
    text = "\n".join(render_lines(centre_view(alerts=alerts)))
    assert text.index("Asterisk is disconnected") < text.index("only 40 numbers remain")
    assert "busy" not in text
    assert "▲" not in "\n".join(render_lines(centre_view()))


def test_many_alerts_leave_room_for_the_panels_of_the_board() -> None:
    alerts = tuple(
        Alert(f"a{number}", AlertKind.OTHER, AlertLevel.WARNING, {}, f"trouble {number}", AT + number)
        for number in range(20)
    )
    shown = render_lines(centre_view(alerts=alerts))
    assert next(line for line in shown if "trouble" in line).split()[-1] == "19"
    assert any("and 17 more alerts" in line for line in shown)
    assert len(shown) <= 34


def test_board_lists_the_booth_with_the_lowest_turnout_first() -> None:
    view = centre_view(booths=3)
    low, middle, high = (replace(booth, contacted=50) for booth in view.booths)
    booths = (
        replace(high, voted=40, not_yet=5),
        replace(low, voted=10, not_yet=30),
        replace(middle, voted=25, not_yet=20),
    )
    shown = [line for line in render_lines(replace(view, booths=booths)) if "209/" in line]
    assert [line.split()[1] for line in shown] == ["209/1", "209/2", "209/3"]


def test_booth_with_only_two_voter_answers_is_not_listed_first_on_the_board() -> None:
    few, many, other = centre_view(booths=3).booths
    booths = (
        replace(few, contacted=2, voted=0, not_yet=2),
        replace(many, contacted=50, voted=5, not_yet=45),
        replace(other, contacted=0, voted=0, not_yet=0),
    )
    text = "\n".join(render_lines(replace(centre_view(), booths=booths)))
    assert text.index("209/2") < text.index("209/1")
    assert "2 of 3 booths, 1 not contacted yet" in text


def test_board_shows_complete_booth_headings_if_booth_names_are_short() -> None:
    view = centre_view(booths=3)
    booths = tuple(replace(booth, constituency_number=72, contacted=5, voters=9) for booth in view.booths)
    (head,) = [line for line in render_lines(replace(view, booths=booths), width=100) if "█ voted ▒ not yet" in line]
    assert " contacted " in head.split("not yet")[1]


@pytest.mark.parametrize("width", [40, 45, 60, 72])
def test_shortened_campaign_names_on_the_board_stay_distinguishable(width: int) -> None:
    view = centre_view(campaigns=7)
    names = [
        "turnout-agents",
        "turnout-ivr-north",
        "turnout-ivr-south",
        "turnout-a",
        "turnout-b",
        "turnout-c",
        "x" * 40,
    ]
    campaigns = tuple(replace(each, campaign_id=name) for each, name in zip(view.campaigns, names, strict=True))
    shown = render_lines(replace(view, campaigns=campaigns), width=width)
    told = [line.split()[2] for line in shown if "● turn" in line or "● xxx" in line]
    assert len(set(told)) == len(names)
    assert any(name.endswith("north") for name in told)


def test_board_shows_each_campaign_on_one_line_if_there_are_many() -> None:
    shown = render_lines(centre_view(campaigns=7), height=50)
    assert len([line for line in shown if "campaign-" in line or "turnout-" in line]) == 7
    assert len(render_lines(centre_view(campaigns=7))) <= 40


def test_board_of_an_empty_centre_is_drawn() -> None:
    empty = change_state(centre_view(seats=0, booths=0, campaigns=0), trunks=(), marks={}, figures={})
    text = "\n".join(render_lines(empty))
    assert "no roll is imported" in text
    assert "nobody is logged in" not in text


@given(
    width=st.integers(40, 220),
    height=st.integers(10, 70),
    seats=st.integers(0, 120),
    booths=st.integers(0, 60),
    campaigns=st.integers(0, 6),
)
@settings(deadline=None, derandomize=True, max_examples=40)
def test_no_line_of_the_board_exceeds_the_width_of_the_terminal(
    width: int, height: int, seats: int, booths: int, campaigns: int
) -> None:
    shown = render_lines(centre_view(seats=seats, booths=booths, campaigns=campaigns), width, height)
    assert max(map(len, shown)) <= width


@given(share=st.floats(-1, 2), cells=st.integers(1, 60))
@settings(deadline=None, derandomize=True)
def test_progress_bar_on_the_board_has_the_requested_width(share: float, cells: int) -> None:
    assert len(draw_proportion_bar(share, cells, "red").plain) == cells


@given(parts=st.lists(st.integers(0, 500), max_size=8), cells=st.integers(8, 60))
@settings(deadline=None, derandomize=True)
def test_stacked_bar_on_the_board_shows_every_part_however_small(parts: list[int], cells: int) -> None:
    shown_as = [(float(part), ("x", f"color({index + 1})")) for index, part in enumerate(parts)]
    bar = draw_stacked_bar(shown_as, max(1, sum(parts)), cells)
    assert len(bar.plain) == cells
    shown = {str(span.style) for span in bar.spans if span.end > span.start}
    assert {f"color({index + 1})" for index, part in enumerate(parts) if part} <= shown


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (75.9, "1:15"), (3605, "1:00:05"), (-3, "0:00")])
def test_board_formats_durations_as_minutes_or_hours(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_every_seat_state_has_a_colour_on_the_board() -> None:
    seats = tuple(replace(centre_view().seats[0], state=state, seat=f"{state}"[:8]) for state in SeatState)
    calls = dict.fromkeys(CallState, 1)
    campaigns = tuple(replace(campaign_view(state), state=state, calls=calls) for state in CampaignState)
    text = "\n".join(render_lines(replace(centre_view(), seats=seats, campaigns=campaigns), 140, 50))
    assert all(state in text for state in (*SeatState, *CampaignState))
    assert "▚ msg 1" in text
    assert "· dial 3" in text  # includes the call being sent and the preview
    assert " ended 1" not in text


@virtual_time()
async def test_board_is_drawn_four_times_a_second_until_stopped() -> None:
    stop = asyncio.Event()
    asked = 0

    def view() -> CentreView:
        nonlocal asked
        asked += 1
        return change_state(centre_view(), at=AT + asked)

    console = Console(file=io.StringIO(), force_terminal=False, width=100, height=30)
    asyncio.get_running_loop().call_later(10.0, stop.set)
    await run_board(view, stop, console=console, get_extras=lambda: EXTRAS)
    assert 40 <= asked <= 42
    assert isinstance(console.file, io.StringIO)
    assert "turnout-agents" in console.file.getvalue()


def test_board_marks_a_trunk_that_is_suspended_after_failed_calls() -> None:
    centre = centre_view()
    resting = replace(centre.state.trunks[0], state=TrunkState.RESTING, rest_seconds=28.0)
    text = "\n".join(render_lines(change_state(centre, trunks=(resting, *centre.state.trunks[1:]))))
    assert "resting 28s" in text


def test_board_shows_the_pause_reason_of_a_paused_seat() -> None:
    seats = tuple(
        replace(centre_view().seats[0], state=SeatState.PAUSED, seat=f"0{number}", reason=reason)
        for number, reason in enumerate(["meal", "technical", None])
    )
    text = "\n".join(render_lines(replace(centre_view(), seats=seats), 140, 50))
    assert [word in text for word in ("00 meal  ", "01 technic…", "02 paused")] == [True, True, True]


def test_board_shows_the_forecast_on_a_polling_day() -> None:
    ahead = Forecast(remaining=41_200, by_agents=9_000, by_flows=2_800, until=1_714_134_600.0)
    text = "\n".join(render_lines(change_state(centre_view(booths=2), forecast=ahead), 110, 50))
    assert "11,800 of 41,200 left by 18:00: agents 9,000, flows 2,800 " in text
    assert "no number" not in text
    assert "11,800 ± 310 of 41,200 left by 18:00" in "\n".join(
        render_lines(change_state(centre_view(booths=2), forecast=replace(ahead, margin=310)), 110, 50)
    )
    some = replace(ahead, without_number=20_310)
    text = "\n".join(render_lines(change_state(centre_view(booths=2), forecast=some), 110, 50))
    assert "11,800 of 41,200 left by 18:00: agents 9,000, flows 2,800 " in text
    assert "20,310 more voters are not contacted and have no phone number" in text


def test_board_shows_the_stricter_abandoned_rate_cap_of_rules_and_campaigns() -> None:
    profile, site = load_profile("neutral"), load_settings(DEMO_SETTINGS)
    share = min(cap.share for cap in profile.abandoned.caps)
    assert find_lowest_cap_on_abandoned_rate(site, profile) == share == 0.03
    strict = site.campaigns[0].model_copy(update={"abandoned_limit": 0.02})
    cap = find_lowest_cap_on_abandoned_rate(
        site.model_copy(update={"campaigns": (strict, *site.campaigns[1:])}), profile
    )
    assert cap == 0.02
    assert any("cap 2 %" in line for line in render_lines(centre_view(), extras=replace(EXTRAS, abandoned_cap=cap)))
