"""Campaigns whose voters do not hear what they must: a question nobody can answer, an abandoned caller's message. Held, until
somebody who has put the sound there resumes the campaign or reloads the flows.
"""

from __future__ import annotations

from dialer.domain.view import AlertLevel
from dialer.engine.call import Call
from dialer.engine.world import CampaignRun, Centre


def hold_unheard(centre: Centre, call: Call, sound: str) -> None:
    """This call's voter did not hear that sound: its campaign calls nobody else. Callers who come in are only told of."""
    run = centre.campaigns[call.campaign_id]
    if call.inbound:
        text = f"callers of campaign {call.campaign_id} do not hear {sound}: `dialer check` names what Asterisk does not find"
    else:
        run.unheard = sound
        text = (
            f"campaign {call.campaign_id} is held: its voters do not hear {sound}; put it below Asterisk's sounds directory "
            "(`dialer check` names what is missing), then resume the campaign"
        )
    centre.raise_alert(_code(run), AlertLevel.CRITICAL, text)
    centre.wake.set()


def hear_again(centre: Centre, run: CampaignRun) -> None:
    """Try again."""
    run.unheard = None
    centre.clear_alert(_code(run))
    centre.wake.set()


def _code(run: CampaignRun) -> str:
    return f"unheard-{run.spec.campaign_id}"
