"""Settings reloaded during calls (seats, agents, campaigns and trunks added or removed): tables of the effects that
follow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dialer.domain.alerts import AlertKind
from dialer.domain.enums import SupervisorRole
from dialer.domain.errors import CommandRefused
from dialer.domain.model import CampaignState, ListeningMode
from dialer.domain.parties import make_supervision_party_id
from dialer.domain.switch_events import CallConnected, CallWaiting, SeatDown
from dialer.domain.view import SeatState
from dialer.engine.effects import TimerExpired, TimerKind
from dialer.engine.plan import SeatPlan
from dialer.engine.supervision.state import Listener, SupervisorPhone
from dialer.engine.trunks.state import TrunkLimits
from dialer.store.log_ins import LogIn
from dialer.store.own_call_backs import OwnCallBack
from tests.support.rules import NOON
from tests.support.turns import HUNG_UP, A, Turns

NO_SEATS: dict[str, SeatPlan] = {}
SUP = SupervisorPhone("sup", "sup", SupervisorRole.SUPERVISOR)


def reload_settings(turns: Turns, seconds: float, **plan: Any) -> list[str]:
    """Apply changed settings at that second, and return the effects. The calling rules allow everything and stay."""

    def apply_settings() -> None:
        turns.features.core.plan = replace(turns.features.core.plan, **plan)
        turns.features.trunk_health_monitor.apply_settings_of_trunks()
        turns.features.seat_monitoring_service.apply_settings_of_supervisors()
        turns.features.campaign_control_service.apply_settings_of_campaigns({})
        turns.features.agent_seat_service.apply_settings_of_seats_and_agents()

    return turns.after(seconds, apply_settings)


def test_agent_without_a_call_at_a_removed_seat_is_logged_off_immediately() -> None:
    turns = Turns()
    assert reload_settings(turns, 3, seats=NO_SEATS) == [
        "timer seat/01 off",
        "seat 01 offline",
        "order hang_up_seat_phone 01",
        "beside drop-log-in",
    ]
    assert turns.features.agent_seats.is_seat_removed(turns.features.agent_seats["01"])
    with pytest.raises(CommandRefused, match="seat '01' is not in the settings, which have 0 seats"):
        turns.features.agent_seats.require_known_seat("01")


def test_agent_at_a_removed_seat_is_logged_off_after_the_wrap_up() -> None:
    turns = Turns()
    turns.talking()
    assert reload_settings(turns, 9, seats=NO_SEATS) == ["beside drop-log-in"]
    assert turns.seat() is SeatState.TALKING
    assert "seat 01 wrap-up" in turns.at(40, HUNG_UP)
    over = turns.at(60, TimerExpired(TimerKind.WRAP_UP_EXPIRED, "01"))
    assert [line for line in over if line.startswith(("seat", "order"))] == [
        "seat 01 offline",
        "order hang_up_seat_phone 01",
    ]
    assert turns.features.agent_seats.is_seat_removed(turns.features.agent_seats["01"])


def test_phone_of_a_removed_seat_is_not_called_again() -> None:
    turns = Turns()
    turns.talking()
    reload_settings(turns, 9, seats=NO_SEATS)
    lines = turns.at(12, SeatDown("01"))
    assert "seat 01 offline" in lines
    assert not [line for line in lines if "phone" in line or "call_seat_phone" in line]


def test_changed_phone_of_a_seat_is_used_after_the_agent_has_logged_off() -> None:
    turns = Turns(seats=2)
    centre = turns.features
    turns.after(
        1,
        lambda: turns.features.call_distributor.update_seat_and_connect_waiting_voter(
            *turns.features.agent_seat_service._log_off_seat("02")
        ),
    )
    seats = {name: SeatPlan(name, f"new{name}", frozenset({"hi"})) for name in ("01", "02")}
    turns.talking()
    reload_settings(turns, 9, seats=seats)
    assert {seat.name: seat.endpoint for seat in centre.agent_seats.list_seats()} == {"01": "agent01", "02": "new02"}
    assert all(seat.languages == {"hi"} for seat in centre.agent_seats.list_seats())
    turns.at(40, HUNG_UP)
    turns.at(60, TimerExpired(TimerKind.WRAP_UP_EXPIRED, "01"))
    assert (centre.agent_seats["01"].endpoint, centre.agent_seats["01"].agent) == ("new01", None)


def test_seats_have_the_order_of_the_settings_after_a_reload() -> None:
    turns = Turns(seats=2)
    seats = {name: SeatPlan(name, f"agent{name}", frozenset()) for name in ("02", "00", "01")}
    assert reload_settings(turns, 3, seats=seats) == ["seat 00 offline"]
    assert [seat.name for seat in turns.features.agent_seats.list_seats()] == ["02", "00", "01"]


def test_removed_campaign_connects_the_last_call_and_places_no_more_calls() -> None:
    turns = Turns()
    turns.call()
    [run] = turns.features.loaded_campaigns.list_campaign_runs()
    reload_settings(turns, 2, campaigns={})
    assert "order connect_call_to_seat A 01" in turns.at(8, CallWaiting(A))
    assert "seat 01 talking" in turns.at(8.4, CallConnected(A, "01"))
    assert run.state is CampaignState.STOPPED
    with pytest.raises(
        CommandRefused, match=r"campaign 'calls' is not in the settings\. The campaigns there are: none"
    ):
        turns.features.loaded_campaigns.require_campaign_in_settings("calls")
    assert "seat 01 wrap-up" in turns.at(40, HUNG_UP)


def test_stop_all_cancels_ringing_calls_of_a_removed_campaign() -> None:
    turns = Turns()
    ringing = turns.call()
    turns.after(1, lambda: turns.features.live_calls.update_call(ringing, ringing.copy_call_with_originate_sent(1)))
    reload_settings(turns, 2, campaigns={})
    stopped = turns.after(3, lambda: turns.features.campaign_control_service.suspend_all_campaigns("headquarters", {}))
    assert "order hang_up_call A" in stopped


def test_agents_log_in_at_a_removed_seat_is_not_restored_after_a_restart() -> None:
    turns = Turns()
    turns.after(
        1,
        lambda: turns.features.call_distributor.update_seat_and_connect_waiting_voter(
            *turns.features.agent_seat_service._log_off_seat("01")
        ),
    )
    turns.features.agent_seat_service._saved_log_ins = {"01": LogIn("01", "1001", False, None, NOON)}
    reload_settings(turns, 2, seats=NO_SEATS)
    assert turns.features.agent_seat_service.restore_agent_log_ins(frozenset({"01"}), "") == []
    assert turns.features.agent_seats.is_seat_removed(turns.features.agent_seats["01"])


def test_call_on_a_removed_trunk_ends_normally_and_clears_its_alert() -> None:
    turns = Turns()
    turns.talking()
    turns.features.active_alerts.raise_alert(AlertKind.TRUNK, trunk="carrier", until="14:05:00", failed=3, calls=3)
    lines = reload_settings(turns, 9, trunks=(TrunkLimits("other", "other", 9, 1.0, ("+911",)),))
    assert "alert trunk-carrier over" in lines
    assert "commit end connected" in turns.at(40, HUNG_UP)


@pytest.mark.parametrize(
    ("now", "let_go"),
    [
        (SUP, False),
        (replace(SUP, role=SupervisorRole.LISTENER), True),
        (replace(SUP, endpoint="another"), True),
        (None, True),
    ],
)
def test_removed_or_changed_supervisor_stops_hearing_the_monitored_call(
    now: SupervisorPhone | None, let_go: bool
) -> None:
    turns = Turns()
    turns.features.supervisors_monitoring_seats.add_or_replace_monitoring_supervisor(
        Listener(SUP, "01", ListeningMode.BARGE, make_supervision_party_id("x"))
    )
    lines = reload_settings(turns, 3, supervisors={} if now is None else {"sup": now})
    assert (f"order hang_up_third_party {make_supervision_party_id('x')}" in lines) is let_go


def test_no_seat_is_reserved_for_a_call_back_of_a_removed_campaign() -> None:
    turns = Turns()
    campaigns = turns.features.core.plan.campaigns
    own = OwnCallBack("calls", 7, "1001", A, at=NOON + 5, until=NOON + 900)
    turns.after(1, lambda: turns.features.agent_call_back_scheduler._schedule_call_back(own))
    asha = replace(turns.features.agent_seats["01"], agent="1001", phone_up=True, call_back_promised=True)
    turns.after(1, lambda: turns.features.agent_seats.update_seat_state(asha, asha))
    reload_settings(turns, 2, campaigns={})
    assert turns.at(6, TimerExpired(TimerKind.OWN_CALL_BACK, attempt_id=A)) == ["timer own/A 5 own-call-back"]
    assert not turns.features.agent_seats["01"].call_back_promised
    turns.features.core.plan = replace(turns.features.core.plan, campaigns=campaigns)
    assert turns.at(11, TimerExpired(TimerKind.OWN_CALL_BACK, attempt_id=A)) == ["beside own-call-back"]
    assert turns.features.agent_seats["01"].call_back_promised
