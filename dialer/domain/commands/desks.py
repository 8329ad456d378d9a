"""What the engine does for commands: its desks, as the commands see them. Each method returns one line that says what was done and
raises CommandRefused, and StoreError where it was not kept. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from config.words import SupervisorRole
from dialer.domain.complaints import Complaint, ComplaintAnswer
from dialer.domain.model import AttemptId, CampaignState, Disposition, DispositionDetails, Mark, Receipt
from dialer.domain.official_turnout import OfficialFigure
from dialer.domain.orders import LeaderSignature
from dialer.domain.other_centres import ForeignNews
from dialer.domain.pin_proof import PinProof


class CampaignDesk(Protocol):
    """Which campaigns dial."""

    async def set_campaign_state(self, campaign_id: str, state: CampaignState) -> str:
        """Pause, resume or stop one."""

    async def stop_all(self) -> str:
        """Stop every one."""

    async def set_speed(
        self, campaign_id: str, most_calls: int | None, calls_per_seat: float | None, sender: str
    ) -> str:
        """No more calls than that, today."""

    async def steer(self, campaign_id: str, target: float | None, sender: str) -> str:
        """To that abandoned share, or the settings' one."""

    async def reload_flows(self) -> str:
        """Read the flows again."""

    def accept_clock(self) -> str:
        """The machine's clock is right."""


class SettingsDesk(Protocol):
    """The settings' file."""

    async def reload_settings(self) -> str:
        """Read it again."""


class SeatDesk(Protocol):
    """Agents at their seats."""

    async def log_in(self, seat_name: str, agent: str, pin: str) -> str:
        """An agent takes a seat."""

    async def sign_in(self, seat_name: str, agent: str, proof: PinProof | None) -> str:
        """An agent takes a seat from a page."""

    async def call_for_log_in(self, seat_name: str) -> str:
        """Ring the phone of a seat that nobody has."""

    def unlock(self, seat_name: str) -> str:
        """Take log-ins again."""

    async def log_off(self, seat_name: str) -> str:
        """The agent leaves."""

    async def pause(self, seat_name: str, reason: str) -> str:
        """No further calls."""

    async def make_ready(self, seat_name: str) -> str:
        """Calls again."""

    async def serve(self, seat_name: str, campaigns: tuple[str, ...]) -> str:
        """These campaigns alone."""

    async def hang_up(self, seat_name: str) -> str:
        """End the voter's call."""

    def closing(self, seat_name: str) -> str:
        """Talk or wrap-up comes to its end."""


class MessageDesk(Protocol):
    """Lines of text on agents' pages."""

    async def send_to_seat(self, seat_name: str, text: str, sender: str) -> str:
        """To the agent there."""

    async def send_to_campaign(self, campaign_id: str, text: str, sender: str) -> str:
        """To all who serve it."""

    async def read(self, seat_name: str, at: float) -> str:
        """It goes."""


class OwnCallDesk(Protocol):
    """Calls that their agent dials."""

    async def dial(self, seat_name: str, attempt_id: AttemptId) -> str:
        """What is shown at the seat."""

    def skip(self, seat_name: str, attempt_id: AttemptId) -> str:
        """Not now."""

    async def dial_number(self, seat_name: str, campaign_id: str, phone_id: int) -> str:
        """A number of the list."""


class DispositionDesk(Protocol):
    """What agents say of calls."""

    async def dispose(
        self,
        seat_name: str,
        disposition: Disposition,
        hour: int | None,
        details: DispositionDetails,
        receipt: Receipt | None,
    ) -> str:
        """Keep it."""

    async def take_back(self, seat_name: str, attempt_id: AttemptId, receipt: Receipt | None) -> str:
        """It was a slip."""


class WorkerDesk(Protocol):
    """Booth workers on the line."""

    async def take_serials(self, seat_name: str, serials: tuple[int, ...], part: int | None) -> str:
        """Those voters have voted."""

    async def take_back_last(self, seat_name: str) -> str:
        """The last one was a mistake."""


class TransferDesk(Protocol):
    """Hold, consult and transfer."""

    async def hold(self, seat_name: str) -> str:
        """Music for the voter."""

    async def resume(self, seat_name: str) -> str:
        """The voter is back."""

    async def transfer(self, seat_name: str, to: str) -> str:
        """Blind."""

    async def consult(self, seat_name: str, to: str) -> str:
        """Warm."""

    async def merge(self, seat_name: str) -> str:
        """Three-way."""

    async def complete(self, seat_name: str) -> str:
        """The agent leaves."""

    async def cancel_consult(self, seat_name: str) -> str:
        """The target is let go."""


class RecordingDesk(Protocol):
    """Recordings of calls."""

    async def pause(self, seat_name: str) -> str:
        """Silence is recorded."""

    async def resume(self, seat_name: str) -> str:
        """The recording goes on."""

    async def play(self, attempt_id: AttemptId) -> str:
        """Somebody listens to it."""


class SupervisionDesk(Protocol):
    """Supervisors with seats."""

    async def listen(self, seat_name: str, supervisor: str) -> str:
        """Hear the seat."""

    async def whisper(self, seat_name: str, supervisor: str) -> str:
        """Speak to its agent alone."""

    async def barge(self, seat_name: str, supervisor: str) -> str:
        """Join the conversation."""

    async def stop(self, supervisor: str) -> str:
        """Let the supervisor's phone go."""


class RecordsDesk(Protocol):
    """What comes from outside the calls."""

    async def take_marks(self, marks: tuple[Mark, ...], batch: str, who: str) -> str:
        """All of them or none."""

    async def enter_turnout(self, figures: tuple[OfficialFigure, ...], who: str) -> str:
        """All figures or none."""

    async def file_complaint(self, complaint: Complaint, who: str) -> str:
        """Keep it."""

    async def answer_complaint(self, answer: ComplaintAnswer, who: str) -> str:
        """Keep it."""

    async def take_opt_outs(self, hashes: tuple[str, ...], fingerprint: str, source: str, batch: str, who: str) -> str:
        """All of them or none."""

    async def uplink_kept(self, through: int) -> str:
        """Headquarters has them."""

    async def tell_test_mark(self) -> str:
        """For headquarters to see that the way is there."""

    async def take_news(self, news: ForeignNews) -> str:
        """All of them or none."""

    async def release_unknown(self, attempts: tuple[AttemptId, ...], reason: str, who: str) -> str:
        """All of them or none."""


class UsersDesk(Protocol):
    """Who may give commands, beside those of the settings."""

    async def set(self, user: str, role: SupervisorRole, sender: str, receipt: Receipt | None) -> None:
        """Give one a role."""

    async def remove(self, user: str, sender: str, receipt: Receipt | None) -> None:
        """Take all rights away."""

    async def note_password(self, user: str, sender: str) -> str:
        """Keep that one is given a password."""


class HeadquartersDesk(Protocol):
    """What headquarters orders."""

    async def obey(self, text: str, signatures: Sequence[LeaderSignature]) -> str:
        """Do what its leaders have signed."""


class HandedOverDesk(Protocol):
    """What was handed over in the spool, by its id there."""

    async def take_roll(self, list_id: str, who: str) -> str:
        """Take a roll in, piece by piece."""

    async def suppress(self, list_id: str, source: str, who: str) -> str:
        """Its numbers are never called again."""

    async def erase(self, list_id: str, who: str, *, names: bool) -> str:
        """Its numbers, and with `names` who is on them, are known no more."""


@dataclass(frozen=True, slots=True)
class Desks:
    """All of them."""

    campaigns: CampaignDesk
    seats: SeatDesk
    messages: MessageDesk
    own_calls: OwnCallDesk
    dispositions: DispositionDesk
    workers: WorkerDesk
    transfers: TransferDesk
    recording: RecordingDesk
    supervision: SupervisionDesk
    records: RecordsDesk
    users: UsersDesk
    headquarters: HeadquartersDesk
    settings: SettingsDesk
    handed_over: HandedOverDesk
