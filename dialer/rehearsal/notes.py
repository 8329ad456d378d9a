"""What is different in a rehearsal, or must be done before the day, as far as settings and store tell. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from config.settings import Settings
from dialer.model import CampaignState
from dialer.rehearsal.site import rehearsed_campaigns


def notes_of(settings: Settings, states: Mapping[str, CampaignState], today: date) -> Iterator[str]:
    """One line each. `states` are what operators asked for, by campaign, from the site's store."""
    polls = [poll.day for poll in settings.rules.polls]
    if polls and max(polls) < today:
        yield f"every poll of the settings is over, the last one on {max(polls)}: correct [[rules.polls]]"
    rehearsed = {campaign.id for campaign in rehearsed_campaigns(settings)}
    for campaign in settings.campaigns:
        state = states.get(campaign.id, CampaignState.RUNNING)
        if campaign.id not in rehearsed:
            yield f"campaign {campaign.id} has Twilio's trunks alone: it was not rehearsed"
            continue
        if state is not CampaignState.RUNNING:
            yield f"campaign {campaign.id} is {state.value} and was rehearsed as if it ran: an operator must let it run"
        if campaign.has_script:
            yield f"campaign {campaign.id} runs a script: a flow was rehearsed in its place, for a script may do anything"
    agents, seats = len(settings.agents), len(settings.seats)
    if 0 < agents < seats:
        yield f"there are {seats} seats and {agents} agents who may log in: the others stayed empty"
