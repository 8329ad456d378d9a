"""The screen pop of an agent's page: the data of the voter on the line, read from the store (the centre's database).

The classes in `page_records` list the data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import structlog

from dialer.desk.agents.page_records import (
    AgentScreenPop,
    LegalBasis,
    RegisterOnDate,
    ScreenPopBooth,
    ScreenPopCall,
    ScreenPopNote,
    ScreenPopVoter,
    VoterMark,
)
from dialer.domain.enums import MachineDetection
from dialer.domain.errors import StoreError
from dialer.domain.model import list_dispositions_allowed_for_call
from dialer.domain.view import CampaignView, CentreState, SeatView
from dialer.flows.model import list_lawful_offers_to_voters
from dialer.flows.script_library import ScriptLibrary
from dialer.rules.polls import Area, find_close_of_poll, find_polling_day
from dialer.rules.rulebook import list_polling_days
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.site.flows import list_site_scripts
from dialer.store.agent_reading import (
    AgentReading,
    BoothOnScreen,
    CallOnScreen,
    CallScreenData,
    MarkOnScreen,
    VoterOnScreen,
)
from dialer.store.agent_records import AgentRecords
from dialer.web.page_state import PageState

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SeatCall:
    """The call at a seat, from the dialler's MQTT message about the seat (docs/reference/topics.md, `seats/{seat}`)."""

    attempt: str
    campaign: str | None
    phone: int
    pending: frozenset[int]  # voters who are still to be called
    opted_out: bool

    @classmethod
    def create_seat_call_from_message(cls, seat: SeatView) -> SeatCall | None:
        """Return the call at a seat, from the dialler's message about the seat.

        Return None if nobody is on the line, or if the message has no ids of the call yet.
        """
        pop, attempt = seat.screen_pop, seat.attempt_id
        if pop is None or attempt is None:
            return None
        return cls(attempt, seat.campaign_id, pop.phone_id, frozenset(pop.voters), pop.opted_out)


class ScreenPopBuilder:
    """Builds screen pops: the data about a call's voters that the agents' page shows. Raises FlowError for a faulty call script."""

    def __init__(self, settings: Settings) -> None:
        self._polls = list_polling_days(settings)
        self._language = settings.centre.language
        self._campaigns = {each.id: each for each in settings.campaigns}
        self._scripts = ScriptLibrary(
            list_site_scripts(settings), list_lawful_offers_to_voters(load_site_profile(settings))
        )

    def build_screen_pop(self, line: CallScreenData, seat: SeatCall, script: str | None) -> AgentScreenPop:
        """Return the screen pop (data of the voter) of a call, without the agent's note and draft.

        `script` is the version of the agents' script that the dialler uses. If the desk has not loaded this version
        yet, it reads the script files again.
        """
        call = line.call
        campaign, to_booth_worker = self._campaigns.get(call.campaign_id), bool(call.of_worker)
        # A campaign that is no longer in the settings may have had machine detection. The dialler refuses what it did not.
        detection = MachineDetection.AFTER_SEAT if campaign is None else campaign.machine_detection
        language = call.language or self._language
        return AgentScreenPop(
            attempt=call.attempt_id,
            campaign=call.campaign_id,
            purpose="" if campaign is None else campaign.purpose.value,
            phone=call.phone_id,
            masked=f"•••• {call.last_digits}",
            addressed=call.voter_id,
            worker=to_booth_worker,
            language=language,
            opted_out=seat.opted_out,
            outcomes=list_dispositions_allowed_for_call(detection, to_booth_worker=to_booth_worker),
            call_back_times=to_booth_worker or campaign is None or call.attempt_number < campaign.max_attempts,
            voters=tuple(
                _describe_voter(each, line.marks.get(each.voter_id, ()), seat.pending) for each in line.voters
            ),
            booth=None if line.booth is None else self._describe_booth(line.booth),
            calls=tuple(
                ScreenPopCall(each.created_at, each.campaign_id, each.outcome, each.disposition) for each in line.calls
            ),
            lawful=find_legal_basis_of_call(call, line.grounds),
            script=self._scripts.get_script_for_page(call.campaign_id, language, script),
        )

    def _describe_booth(self, booth: BoothOnScreen) -> ScreenPopBooth:
        """Return a polling station (booth) with its hours on its polling day."""
        poll = find_polling_day(self._polls, booth.constituency_number)
        closes_at = find_close_of_poll(self._polls, Area(booth.constituency_number, booth.closes_at))
        return ScreenPopBooth(
            id=booth.booth_id,
            name=booth.name,
            name_local=booth.name_local,
            constituency=booth.constituency_name,
            part=booth.part_number,
            opens_at=None if poll is None else datetime.combine(poll.day, poll.opens, poll.zone).timestamp(),
            closes_at=closes_at if isinstance(closes_at, float) else None,
        )


def _describe_voter(voter: VoterOnScreen, marks: Collection[MarkOnScreen], pending: Collection[int]) -> ScreenPopVoter:
    return ScreenPopVoter(
        id=voter.voter_id,
        name=voter.name,
        name_local=voter.name_local,
        relative=voter.relation_name,
        relation=voter.relation,
        age=voter.age,
        gender=voter.sex,
        house=voter.house,
        serial=voter.serial,
        pending=voter.voter_id in pending,
        marks=tuple(VoterMark(each.at, each.kind, each.source, each.hour) for each in marks),
    )


def find_legal_basis_of_call(call: CallOnScreen, grounds: Mapping[str, str] | None) -> LegalBasis:
    """Return why a call is lawful: a code that the page shows as a text, and the facts behind it
    (docs/explanation/rules.md).
    """
    found = grounds or {}
    registers = [each.rpartition("@") for each in found.get("registers", "").split()]
    return LegalBasis(
        code=_find_legal_basis_code(call, grounds),
        profile=found.get("profile"),
        purpose=found.get("purpose"),
        consent=found.get("consent"),
        registers=tuple(RegisterOnDate(name, dated) for name, _, dated in registers),
        gap_seconds=call.gap_seconds,
    )


def _find_legal_basis_code(
    call: CallOnScreen, grounds: Mapping[str, str] | None
) -> Literal["called-us", "unknown", "asked-for", "consent", "not-listed", "allowed"]:
    if call.direction == "inbound":
        return "called-us"
    if grounds is None:
        return "unknown"
    if grounds.get("asked_for"):
        return "asked-for"
    if grounds.get("consent") == "given":
        return "consent"
    return "not-listed" if grounds.get("registers") and not grounds.get("listed") else "allowed"


class ScreenPops:
    """Keeps the screen pop (data of the voters on the line) of each seat up to date. The data may change during a call."""

    def __init__(
        self, page_state: PageState, reading: AgentReading, builder: ScreenPopBuilder, records: AgentRecords
    ) -> None:
        self._page_state = page_state
        self._reading = reading
        self.builder = builder
        self._records = records
        self._shown: dict[str, SeatCall | None] = {}  # by seat

    async def update_screen_pops_until_cancelled(self) -> None:
        """Keep the screen pops (data of the voters on the line) of all seats up to date until cancelled."""
        wanted = self._page_state.open_subscription(
            lambda key: key == "centre" or key.startswith("seat/"), 0.0, page=False
        )
        with wanted as subscription:
            async for update in subscription.stream_updates():
                for key, value in update.values.items():
                    if isinstance(value, CentreState):
                        self._page_state.set_value_of_key("online", {"online": value.online})
                    elif isinstance(value, SeatView):
                        await self.update_screen_pop_of_seat(key.removeprefix("seat/"), value)

    async def update_screen_pop_of_seat(self, seat: str, view: SeatView) -> None:
        """Show the data of the voter on the line on the page of a seat.

        If the store cannot be read, show nothing, and retry when the dialler's next message about the seat arrives.
        """
        call = SeatCall.create_seat_call_from_message(view)
        if call == self._shown.get(seat):
            return
        pop = None
        if call is not None:
            try:
                pop = await self._read_screen_pop(call)
            except StoreError as error:
                _log.warning("screen_pop.read_failed", seat=seat, problem=str(error))
            if pop is None:
                call = None
        self._shown[seat] = call
        self._page_state.set_value_of_key(f"pop/{seat}", pop)

    async def _read_screen_pop(self, call: SeatCall) -> AgentScreenPop | None:
        campaign = self._page_state.get_value_of_key(f"campaign/{call.campaign}", CampaignView)
        script = None if campaign is None else campaign.script
        pop, note = await asyncio.gather(
            self._reading.read_call_for_agent_page(
                call.attempt, lambda line: self.builder.build_screen_pop(line, call, script)
            ),
            self._records.read_last_note_about_number(call.phone),
        )
        if pop is None or note is None:
            return pop
        return replace(pop, note=ScreenPopNote(note.note_id, note.at, note.text))
