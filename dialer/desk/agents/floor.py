"""What the settings say of agents and their seats, as their page needs it. Pure."""

from __future__ import annotations

from typing import Any

from dialer.domain.enums import CampaignKind
from dialer.domain.pin_proof import PinProver
from dialer.settings.campaigns import Campaign
from dialer.settings.site import Settings
from dialer.web.people import SignedInUser

UNDO_SECONDS = 5  # for taking back what was said of a call; the dialler allows for the way


class Floor:
    """Agents and seats of a site."""

    def __init__(self, settings: Settings, *, training: bool = False) -> None:
        self._training = training
        self.use(settings, prover_of(settings))

    def use(self, settings: Settings, prover: PinProver) -> None:
        """These are in force from now on; `prover` is of their agents."""
        self.prover = prover
        self.user = settings.desk.user if settings.agents else None
        """As whom agents' commands are sent; None: no agent can sign in."""
        self.centre = settings.centre.id
        self.phones = {each.name: "browser" if each.webrtc else "own" for each in settings.seats}
        """What kind of phone each seat has, in the settings' order."""
        self._agents = {each.number: each for each in settings.agents}
        self._seats = {each.name: each for each in settings.seats}
        self._campaigns = [each for each in settings.campaigns if each.kind is CampaignKind.AGENTS]
        self._language = settings.centre.language
        self.region = settings.centre.region
        """The country of a number that is typed without a country code."""
        self._same = {
            "centre": self.centre,
            "zone": settings.centre.time_zone,
            "sponsor": settings.centre.organisation,
            "pause_reasons": settings.agent_login.pause_reasons,
            "transfer_targets": [{"name": each.name, "kind": each.kind.value} for each in settings.transfers],
            "undo_seconds": UNDO_SECONDS,
            "training": self._training,
        }

    def about(self, who: SignedInUser) -> dict[str, Any]:
        """What an agent's page has to know of agent, seat and site. The agent, or the seat, may be of the settings no more."""
        agent, seat = self._agents.get(who.name), self._seats.get(who.seat)
        languages = (agent and agent.languages) or (seat and seat.languages) or ()
        campaigns = self._served(who)
        return {
            "agent": who.name,
            "seat": who.seat,
            "phone": self.phones.get(who.seat, "own"),
            "language": languages[0] if languages else self._language,
            "languages": languages,
            "wrap_up_seconds": {each.id: each.wrap_up_seconds for each in campaigns},
            "manual": self.manual(who),
            **self._same,
        }

    def manual(self, who: SignedInUser) -> list[str]:
        """The campaigns in which this agent may have numbers called."""
        return [each.id for each in self._served(who) if each.manual_dialling]

    def _served(self, who: SignedInUser) -> list[Campaign]:
        agent = self._agents.get(who.name)
        skills = agent.skills if agent is not None else ()
        return [each for each in self._campaigns if each.skill is None or each.skill in skills]


def prover_of(settings: Settings) -> PinProver:
    """What proves their agents' PINs. Blocks for tens of milliseconds."""
    return PinProver({each.number: each.pin.get_secret_value() for each in settings.agents})
