"""An engine that decides which calls to place, with rules that allow everything and a pacer that a test sets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from dialer.domain.model import Claim
from dialer.pacing.port import Explanation, Limit
from dialer.rules.gate import Ruling
from tests.support.turns import Turns


def make_turns_that_want_calls(seats: int = 1, wanted: int = 0, **sections: Any) -> Turns:
    """Return an engine whose rules allow everything, and whose pacers want this many calls."""
    turns = Turns(seats, **sections)
    allowed = lambda *_: Ruling((), None)  # noqa: E731
    asked = {
        "check_rules_before_originate": allowed,
        "check_rules_for_campaign": allowed,
        "format_legal_grounds_of_decision": lambda *_: "{}",
        "find_end_of_redial_lock": lambda *_: None,
    }
    gate = cast(Any, turns.features.calling_rules_checker._gate)
    gate.__dict__.update(asked)
    turns.features.dialling_permission_checker._switch = cast(
        Any, SimpleNamespace(get_age_of_oldest_pending_action=lambda _: 0.0)
    )
    turns.features.wall_clock_guard.has_clock_changed_without_confirmation = lambda: False  # type: ignore[method-assign]
    for run in turns.features.loaded_campaigns.list_campaign_runs():
        run.pacer = cast(
            Any,
            SimpleNamespace(
                count_calls_to_place=lambda _: wanted,
                count_ringing_calls_to_hang_up=lambda _: 0,
                explain_last_pacing_decision=lambda: Explanation(wanted, Limit.SEATS),
                learn_from_pacing_event=lambda _: None,
            ),
        )
    turns.clock.seconds = 10.0  # the trunk can grant a start by now
    return turns


def make_claim(phone_id: int, **facts: Any) -> Claim:
    """Return a reserved number of the campaign `calls`. `facts` sets its other fields by name."""
    values: dict[str, Any] = {
        "campaign_id": "calls",
        "phone_id": phone_id,
        "number": f"+9198123456{phone_id:02}",
        "attempt_number": 1,
        "voter_id": phone_id,
        "pending_voters": 1,
        "booth_id": 1,
        "language": "hi",
    }
    return Claim(**{**values, **facts})


def run_pacing_decision(turns: Turns, seconds: float = 10.0) -> list[str]:
    """Decide for all campaigns which calls to place. Return the effects, one line each."""
    return turns.after(seconds, turns.features.campaign_call_placer.place_calls_of_all_campaigns)
