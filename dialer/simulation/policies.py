"""Any policy by its name: ours and the baselines, ready to be simulated."""

from __future__ import annotations

from config.words import PacingPolicy
from dialer.pacing.factory import make_pacer
from dialer.pacing.port import Cap
from dialer.simulation.baselines import BASELINE_NAMES, NamedPolicy, baseline
from dialer.simulation.centre import BadScenario
from dialer.simulation.scenarios import Scenario

HOUR_SECONDS = 3600.0
DAY_SECONDS = 86_400.0
HARD_STOP_ABOVE = 0.002
"""How far above its target the hard stop of a simulated profile lies: every sliding hour is to hold within 0.2 points."""

OWN_NAMES = (PacingPolicy.PREDICTIVE.value, PacingPolicy.PROGRESSIVE.value)
POLICY_NAMES = (*OWN_NAMES, *(name for name in BASELINE_NAMES if name not in OWN_NAMES))
"""Every name that `policy_named` takes."""


def caps_for(share: float) -> tuple[Cap, Cap]:
    """The caps of a profile that allows this abandoned share in each sliding hour and over the day."""
    hard_stop = share + HARD_STOP_ABOVE
    return Cap(HOUR_SECONDS, share, hard_stop), Cap(DAY_SECONDS, share, hard_stop)


def policy_named(name: str, scenario: Scenario, cap: float) -> NamedPolicy:
    """A policy for this scenario; ours steer to `cap`, a share. Raises BadScenario with the names there are.

    Ours get nothing but the caps and the connect limit: what the centre is like they must learn.
    """
    if name in OWN_NAMES:
        caps = caps_for(cap)
        return NamedPolicy(name, lambda: make_pacer(name, caps=caps, connect_seconds=scenario.connect_seconds))
    if name in BASELINE_NAMES:
        return baseline(name, scenario)
    raise BadScenario(f"there is no policy {name!r}; use one of: {'; '.join(POLICY_NAMES)}")
