"""[[campaigns]]: whom to call, how, and in which hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from dialer.domain.enums import CampaignKind, MachineDetection, PacingPolicy, Purpose, Reserve
from dialer.settings.fields import LocalTime, PositiveSeconds, Section, Share, Slug
from dialer.settings.mistakes import all_together, mistakes, not_in_environment, read_settings


class Hours(Section):
    """[[campaigns.hours]] - a stretch of the day in which the campaign may call."""

    start: LocalTime = Field(description="first moment, in the centre's time zone")
    until: LocalTime = Field(description="first moment after it")

    def _objections(self) -> Iterator[str]:
        if self.start >= self.until:
            yield f"calling hours start at {self.start} and end at {self.until}; the end must be later"


class SpokenBy(StrEnum):
    """Whose voice an AGI script plays."""

    PERSON = "person"
    COMPUTER_LABELLED = "computer-labelled"
    COMPUTER = "computer"


class Declared(Section):
    """[campaigns.declared] - what an AGI script or the agents' guide does: no machine can read it, and a person answers for it."""

    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=80)] = Field(
        description="name of the person who answers for it"
    )
    offers_transport: bool = Field(description="whether it offers a ride to the poll")
    asks_vote_choice: bool = Field(description="whether it asks whom somebody votes for, which nothing here may")
    voice: SpokenBy = Field(
        SpokenBy.PERSON,
        description="who speaks in a script's sounds: person, computer-labelled (says so before it does), computer",
    )


class Campaign(Section):
    """[[campaigns]] - whom to call, how, and until when."""

    id: Slug = Field(description="name of the campaign in topics, reports and commands")
    kind: CampaignKind = Field(description="agents: answered voters go to seats; ivr: they meet a flow")
    purpose: Purpose = Field(
        Purpose.TURNOUT,
        description="turnout, material, survey or booth-workers: calls those of `dialer workers import`, on polling days alone",
    )
    flow: str | None = Field(
        None,
        description="the flow of an ivr campaign: a shipped one's name, a YAML file, or script:/path of an AGI script",
    )
    script: str | None = Field(
        None,
        description="what its agents read and ask (scripts.md): a shipped script's name or a YAML file; none: nothing",
    )
    pacing: PacingPolicy | None = Field(
        None, description="default: predictive with agents (progressive to booth workers), broadcast with ivr"
    )
    preview_seconds: float | None = Field(
        None,
        ge=3,
        le=600,
        description="with pacing preview: dialled after this unasked; none: only when the agent asks",
    )
    manual_dialling: bool = Field(
        False, description="with pacing preview or progressive: agents may dial numbers of the list themselves"
    )
    candidate: str = Field("", max_length=80, description="on whose account it calls, for the report of expenditure")
    trunks: tuple[Slug, ...] = Field((), description="trunks it may use, in order of preference; empty: all")
    skill: Slug | None = Field(None, description="only agents with this skill take its calls; none: every agent")
    channels: int | None = Field(None, ge=1, description="calls at once of this campaign; none: what the trunks allow")
    ring_seconds: float = Field(30.0, ge=10, le=120, description="how long a phone rings before we give up")
    wrap_up_seconds: PositiveSeconds = Field(60.0, description="a wrap-up without a disposition ends after this")
    connect_limit_seconds: float = Field(
        2.0, gt=0.2, le=5, description="an answered voter without a seat is abandoned after this"
    )
    machine_detection: MachineDetection = Field(
        MachineDetection.OFF,
        description="before-seat: the switch listens for 1.3-1.6 s before a seat or flow; after-seat: the agent says so",
    )
    machine_message: bool = Field(
        False, description="ivr with before-seat: leave the information message on a machine; else it is hung up"
    )
    abandoned_target: Share = Field(0.01, description="share of live answers that pacing steers to")
    abandoned_limit: Share = Field(0.03, description="hard stop of that share, over 24 hours and 30 days")
    reserve: Reserve = Field(
        Reserve.WINDOW,
        description="when the limit would hold, were all calls in flight abandoned: window (as the day ends) or every-instant",
    )
    max_attempts: int = Field(3, ge=1, le=20, description="attempts per number in this campaign")
    busy_retry_minutes: PositiveSeconds = Field(15, description="when a busy number is due again")
    no_answer_retry_minutes: PositiveSeconds = Field(90, description="when a number that rang out is due again")
    other_retry_minutes: PositiveSeconds = Field(120, description="after not yet, call back, congestion, a left flow")
    own_call_back_wait_minutes: PositiveSeconds = Field(
        15, description="from the hour of a call-back that an agent keeps to herself to when anyone has it"
    )
    abandoned_lock_hours: float = Field(72, ge=0, description="a number we abandoned is not dialled again before this")
    record: bool = Field(False, description="record its talks with agents, where the law of the place allows it")
    hours: tuple[Hours, ...] = Field(
        (Hours(start=time(9), until=time(21)),), description="calling hours; nothing is dialled outside them"
    )
    declared: Declared | None = Field(None, description="what the machine cannot read; an AGI script needs it")

    def _objections(self) -> Iterator[str]:
        if self.kind is CampaignKind.IVR and not self.flow:
            yield 'an ivr campaign needs a flow, for example flow = "turnout"'
        if self.kind is CampaignKind.AGENTS and self.flow:
            yield 'an agents campaign plays no flow: take flow away, or set kind = "ivr"'
        if self.kind is CampaignKind.IVR and self.script is not None:
            yield 'an ivr campaign has nobody who reads: take script away, or set kind = "agents"'
        if self.kind is CampaignKind.IVR and self.machine_detection is MachineDetection.AFTER_SEAT:
            yield 'an ivr campaign has no seats; set machine_detection = "before-seat" or "off"'
        if self.machine_message and (
            self.kind is not CampaignKind.IVR or self.machine_detection is MachineDetection.OFF
        ):
            yield 'machine_message needs kind = "ivr" and machine_detection = "before-seat"'
        if self.has_script and self.declared is None:
            yield "a script cannot be read by the machine: say what it does in [campaigns.declared]"
        if self.declared is not None and self.declared.asks_vote_choice:
            yield "whom somebody votes for is never asked, in no campaign: take the question out"
        if self.preview_seconds is not None and self.policy is not PacingPolicy.PREVIEW:
            yield 'preview_seconds needs pacing = "preview"'
        if self.manual_dialling and self.policy not in {PacingPolicy.PREVIEW, PacingPolicy.PROGRESSIVE}:
            yield (
                "manual_dialling would thin out the abandoned share of a campaign that dials ahead: give the calls that agents"
                ' dial a campaign of their own, with pacing = "preview" or "progressive"'
            )
        if self.abandoned_target > self.abandoned_limit:
            shares = f"abandoned_target ({self.abandoned_target:g}) is above abandoned_limit ({self.abandoned_limit:g})"
            yield f"{shares}; lower it: shares are 0 to 1, 1 % is 0.01"

    @property
    def has_script(self) -> bool:
        """Whether the flow is an AGI script."""
        return self.flow is not None and self.flow.startswith("script:")

    @property
    def policy(self) -> PacingPolicy:
        """The pacing policy: the one set, or the default of the kind."""
        if self.pacing is not None or self.kind is CampaignKind.IVR:
            return self.pacing or PacingPolicy.BROADCAST
        # A worker who was abandoned would be lost for the day, and the calls are few.
        return PacingPolicy.PROGRESSIVE if self.purpose is Purpose.BOOTH_WORKERS else PacingPolicy.PREDICTIVE


class CampaignsFile(Section):
    """A file of campaigns beside the settings, as headquarters sends them."""

    campaigns: tuple[Campaign, ...] = Field((), description="as in the settings")


def campaigns_in(folder: Path) -> list[dict[str, Any]]:
    """The tables [[campaigns]] of all NAME.toml there, each right in itself. Raises SettingError, SettingMistakes."""
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.toml")):
        text = read_settings(path, path.name, "have headquarters send it again")
        try:
            CampaignsFile.model_validate(text.table)
        except ValidationError as error:
            raise all_together(list(mistakes(error, text, CampaignsFile, not_in_environment))) from error
        found += text.table.get("campaigns", [])
    return found
