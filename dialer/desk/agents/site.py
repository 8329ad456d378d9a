"""The settings of agents and their seats that the agents' page needs. Without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from dialer.desk.agents.page_records import AgentAccount, TransferTarget
from dialer.domain.enums import CampaignKind
from dialer.domain.pin_proof import PinProver
from dialer.settings.campaigns import Campaign
from dialer.settings.site import Settings
from dialer.web.people import SignedInUser

UNDO_SECONDS = 5  # to undo an outcome; the dialler allows a little more for the transmission


class AgentSite:
    """The agents and seats of a site, from its settings."""

    def __init__(self, settings: Settings, *, training: bool = False) -> None:
        self._training = training
        self.replace_agent_and_seat_settings(settings, create_pin_prover(settings))

    def replace_agent_and_seat_settings(self, settings: Settings, prover: PinProver) -> None:
        """Use the agents and seats of these settings from now on. `prover` proves to the dialler that an agent entered the PIN."""
        self.prover = prover
        self.user = settings.desk.user if settings.agents else None
        """The user that sends the agents' commands; None = agents cannot sign in."""
        self.centre = settings.centre.id
        self.phones: Mapping[str, Literal["own", "browser"]] = {
            each.name: "browser" if each.webrtc else "own" for each in settings.seats
        }
        """The kind of phone of each seat (own or browser), in the order of the settings."""
        self._agents = {each.number: each for each in settings.agents}
        self._seats = {each.name: each for each in settings.seats}
        self._campaigns = [each for each in settings.campaigns if each.kind is CampaignKind.AGENTS]
        self.region = settings.centre.region
        """The country of phone numbers that are typed without a country code."""
        self.lock_minutes = settings.agent_login.lock_minutes
        """For how long too many wrong PINs lock."""
        self._settings = settings

    def describe_agent_for_page(self, who: SignedInUser, *, other_tab: bool) -> AgentAccount:
        """Return what the agent's page shows about the agent, the seat and the centre.

        If the settings no longer contain the agent or the seat, the result has the centre's defaults instead.
        """
        agent, seat, centre = self._agents.get(who.name), self._seats.get(who.seat), self._settings.centre
        languages = (agent and agent.languages) or (seat and seat.languages) or ()
        return AgentAccount(
            agent=who.name,
            seat=who.seat,
            phone=self.phones.get(who.seat, "own"),
            language=languages[0] if languages else centre.language,
            languages=tuple(languages),
            wrap_up_seconds={each.id: each.wrap_up_seconds for each in self._list_campaigns_for_skills_of_agent(who)},
            manual=tuple(self.list_campaigns_with_manual_dialling(who)),
            centre=centre.id,
            zone=centre.time_zone,
            sponsor=centre.organisation,
            pause_reasons=tuple(self._settings.agent_login.pause_reasons),
            transfer_targets=tuple(TransferTarget(each.name, each.kind.value) for each in self._settings.transfers),
            undo_seconds=UNDO_SECONDS,
            training=self._training,
            other_tab=other_tab,
        )

    def list_campaigns_with_manual_dialling(self, who: SignedInUser) -> list[str]:
        """Return the campaigns in which this agent may dial numbers manually."""
        return [each.id for each in self._list_campaigns_for_skills_of_agent(who) if each.manual_dialling]

    def _list_campaigns_for_skills_of_agent(self, who: SignedInUser) -> list[Campaign]:
        agent = self._agents.get(who.name)
        skills = agent.skills if agent is not None else ()
        return [each for each in self._campaigns if each.skill is None or each.skill in skills]


def create_pin_prover(settings: Settings) -> PinProver:
    """Return the object that computes proofs of PINs. Commands to the dialler contain these proofs, not the PINs."""
    return PinProver({each.number: each.pin.get_secret_value() for each in settings.agents})
