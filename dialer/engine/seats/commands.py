"""Commands for agents at their seats: signing in and out, pauses, the current call, and messages from supervisors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from dialer.domain.pin_proof import PinProof, parse_pin_proof
from dialer.engine.command.base import SEAT_ROLES, SUPERVISOR_ONLY, Command, CommandContext, SeatCommand
from dialer.engine.command.fields import (
    ONE_LINE,
    CampaignId,
    EpochSeconds,
    Reason,
    SeatName,
    create_field_validator,
)
from dialer.engine.seats.log_ins import SignInSource

if TYPE_CHECKING:
    from dialer.engine.services import Services

MAX_CAMPAIGNS = 50
MAX_MESSAGE = 200  # characters
MAX_DIGITS = 6

AgentNumber = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9._-]{1,40}$",
        description="the agent's number: letters, digits, dots, dashes and underscores, at most 40",
    ),
]


def _parse_pin_proof(value: Any) -> PinProof:
    return value if isinstance(value, PinProof) else parse_pin_proof(value)


Proof = Annotated[PinProof, PlainValidator(_parse_pin_proof), WithJsonSchema({"type": "string"})]


class SeatLogIn(SeatCommand):
    """Log an agent in with a PIN and call the seat's phone. The seat is ready when the phone answers.

    Only simulations send this command, because it contains the PIN. If the settings have agents, `agent` must be the
    number of one of them.
    """

    agent: str
    pin: Annotated[str, Field(repr=False)] = ""

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.seats.log_in_agent(self.seat, self.agent, self.pin)


class SeatSignIn(SeatCommand):
    """Sign an agent in from a page and call the seat's phone. If the agent is signed in at the seat already, only a
    disconnected phone is called again.
    """

    name: Literal["seat-sign-in"] = "seat-sign-in"
    roles = SEAT_ROLES

    agent: AgentNumber
    proof: Annotated[
        Proof | None,
        Field(
            description="proof that the agent knows the PIN, which is never sent (docs/how-to/seats.md); required where the"
            " settings have agents"
        ),
    ] = None
    source: Annotated[
        str | None,
        Field(
            pattern=r"^[0-9a-f]{16,64}$",
            description="ID of the browser or network that signs in: wrong PINs lock only this source; without it, seat and"
            " agent",
        ),
    ] = None
    known_device: Annotated[
        bool, Field(description="the source is a browser on which this agent has signed in before")
    ] = False

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        source = None if self.source is None else SignInSource(self.source, self.known_device)
        return await services.seats.sign_in_agent(self.seat, self.agent, self.proof, source)


class SeatCall(SeatCommand):
    """Ring the phone of a vacant seat, so that an agent can answer it and enter number and PIN."""

    name: Literal["seat-call"] = "seat-call"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.seats.call_seat_phone_for_log_in(self.seat)


class SeatUnlock(SeatCommand):
    """Unlock a seat, and the agents who tried to log in there, after too many failed log-ins."""

    name: Literal["seat-unlock"] = "seat-unlock"
    roles = SUPERVISOR_ONLY

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return services.seats.unlock_seat(self.seat)


class SeatPause(SeatCommand):
    """Pause a seat: it gets no new calls. During a call or its wrap-up, the pause starts after the wrap-up."""

    name: Literal["seat-pause"] = "seat-pause"
    roles = SEAT_ROLES

    reason: Reason

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.seats.pause_seat(self.seat, self.reason)


class SeatCampaigns(SeatCommand):
    """Restrict a seat to calls of some campaigns until its agent logs off. The current call continues."""

    name: Literal["seat-campaigns"] = "seat-campaigns"
    roles = SUPERVISOR_ONLY
    is_idempotent = True
    audited = (*SeatCommand.audited, "campaigns")

    campaigns: Annotated[
        tuple[CampaignId, ...],
        Field(max_length=MAX_CAMPAIGNS, description=f"IDs of at most {MAX_CAMPAIGNS} campaigns; empty: all campaigns"),
        AfterValidator(lambda campaigns: tuple(sorted(set(campaigns)))),
    ]

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.seats.restrict_seat_to_campaigns(self.seat, self.campaigns)


class SeatReady(SeatCommand):
    """Make a seat available for calls: end its pause or wrap-up."""

    name: Literal["seat-ready"] = "seat-ready"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.seats.make_seat_ready(self.seat)


class SeatLogOff(SeatCommand):
    """Log the agent off. During a call or its wrap-up, the log-off takes effect after the wrap-up."""

    name: Literal["seat-log-off"] = "seat-log-off"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.seats.log_off_agent(self.seat)


class SeatHangUp(SeatCommand):
    """Hang up the voter's call. The seat goes to wrap-up."""

    name: Literal["seat-hang-up"] = "seat-hang-up"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.seats.hang_up_voter(self.seat)


class SeatClosing(SeatCommand):
    """Announce that the conversation or the wrap-up is about to end, so that pacing can dial in time for this seat.
    Nothing changes for the agent.
    """

    name: Literal["seat-closing"] = "seat-closing"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return services.seats.mark_talk_as_ending_soon(self.seat)


class SeatMessage(Command):
    """Show a message on the page of the agent at a seat, or of all agents who serve a campaign. It disappears when it
    is read, or after 10 minutes.
    """

    name: Literal["seat-message"] = "seat-message"
    roles = SUPERVISOR_ONLY

    text: Annotated[
        str,
        Field(pattern=ONE_LINE % MAX_MESSAGE),
        create_field_validator(str.strip, "must not be blank"),
        create_field_validator(
            lambda text: sum(letter.isdigit() for letter in text) <= MAX_DIGITS,
            f"has more than {MAX_DIGITS} digits, which may be a phone number",
        ),
        Field(
            description=f"one line, at most {MAX_MESSAGE} characters, of them at most {MAX_DIGITS} digits; no names of"
            " voters, because everybody who can read `seats/{seat}` can read it"
        ),
    ]
    seat: Annotated[SeatName | None, Field(description="name of the seat; or give `campaign_id`")] = None
    campaign_id: Annotated[CampaignId | None, Field(description="ID of the campaign; or give `seat`")] = None

    @model_validator(mode="after")
    def _require_seat_or_campaign(self) -> Self:
        if (self.seat is None) is (self.campaign_id is None):
            raise ValueError("a message needs either `seat` or `campaign_id`, which say who gets it")
        return self

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        text = self.text.strip()
        if self.seat is not None:
            return await services.messages.send_message_to_seat(self.seat, text, context.sender)
        return await services.messages.send_message_to_campaign(str(self.campaign_id), text, context.sender)


class SeatMessageRead(SeatCommand):
    """Confirm that the agent has read a message: it disappears from the page. A newer message stays."""

    name: Literal["seat-message-read"] = "seat-message-read"
    roles = SEAT_ROLES
    is_idempotent = True

    message_at: Annotated[EpochSeconds, Field(description="`at` of the message, from `seats/{seat}`")]

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.messages.mark_message_read(self.seat, self.message_at)
