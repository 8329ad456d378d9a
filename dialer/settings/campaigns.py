"""[[campaigns]]: whom to call, how, and in which hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from dialer.domain.enums import CampaignKind, MachineDetection, PacingPolicy, Purpose, Reserve
from dialer.domain.model import MOST_WEIGHT
from dialer.domain.translatable import translatable
from dialer.settings.fields import Applied, LocalTime, PositiveSeconds, Section, Share, Slug
from dialer.settings.file_text import SettingsText, read_settings_file
from dialer.settings.mistakes import list_tables_of_edited_file


class Hours(Section):
    """[[campaigns.hours]] - a period of the day in which the campaign may call."""

    start: LocalTime = Field(description="start, in the centre's time zone")
    until: LocalTime = Field(description="end; no call is placed at or after it")

    def _find_contradicting_settings(self) -> Iterator[str]:
        if self.start >= self.until:
            yield translatable(
                "hours-end-before-start",
                "calling hours must end after they start (are {start} to {until})",
                start=str(self.start),
                until=str(self.until),
            )


class ScriptVoice(StrEnum):
    """The kind of voice that callers hear in an AGI script: a person or a computer."""

    PERSON = "person"
    COMPUTER_LABELLED = "computer-labelled"
    COMPUTER = "computer"


class Declared(Section):
    """[campaigns.declared] - a named person's statement about an AGI script or the agents' guide.

    No program can check the statement.
    """

    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=80)] = Field(
        description="name of the responsible person"
    )
    offers_transport: bool = Field(description="whether it offers a ride to the poll")
    asks_vote_choice: bool = Field(description="whether it asks whom people vote for; must be false")
    voice: ScriptVoice = Field(
        ScriptVoice.PERSON,
        description="voice of a script's sounds: person, computer, or computer-labelled (announced as synthetic first)",
    )


class Campaign(Section):
    """[[campaigns]] - whom to call, how, and in which hours."""

    applied: ClassVar[Applied] = Applied.RELOAD

    id: Slug = Field(description="name of the campaign in topics, reports and commands")
    kind: Annotated[CampaignKind, Applied.RESTART] = Field(
        description="agents: answered voters are connected to agents; ivr: a flow answers them"
    )
    purpose: Annotated[Purpose, Applied.RESTART] = Field(
        Purpose.TURNOUT,
        description="turnout, material, survey, or booth-workers (calls to booth workers on polling days)",
    )
    flow: str | None = Field(
        None,
        description="flow of an ivr campaign: a shipped flow's name, a YAML file, or script:/PATH of an AGI script",
    )
    script: str | None = Field(
        None,
        description="script that the agents read (scripts.md): a shipped script's name or a YAML file",
    )
    pacing: Annotated[PacingPolicy | None, Applied.RESTART] = Field(
        None, description="default: predictive with agents (progressive for booth-workers), broadcast with ivr"
    )
    preview_seconds: float | None = Field(
        None,
        ge=3,
        le=600,
        description="with pacing preview: the number is dialled after this time; none: when the agent asks",
    )
    manual_dialling: bool = Field(
        False, description="with pacing preview or progressive: agents may dial numbers of the list themselves"
    )
    candidate: str = Field("", max_length=80, description="candidate in the expenditure report")
    trunks: tuple[Slug, ...] = Field((), description="trunks it may use, in order of preference; empty: all")
    skill: Slug | None = Field(None, description="only agents with this skill take its calls; none: all agents")
    weight: float = Field(
        1.0,
        ge=0,
        le=MOST_WEIGHT,
        description="share of the agents' time, relative to other campaigns with the same agents; 0: only the time that they leave",
    )
    channels: int | None = Field(None, ge=1, description="maximum concurrent calls; none: the trunks' limits")
    ring_seconds: float = Field(30.0, ge=10, le=120, description="how long a phone rings")
    wrap_up_seconds: PositiveSeconds = Field(60.0, description="maximum wrap-up without a disposition")
    connect_limit_seconds: Annotated[float, Applied.RESTART] = Field(
        2.0, gt=0.2, le=5, description="an answered call without an agent after this time is abandoned"
    )
    machine_detection: MachineDetection = Field(
        MachineDetection.OFF,
        description="off; before-seat: Asterisk listens up to 1.7 s before an agent or a flow; after-seat: the agent decides",
    )
    machine_message: bool = Field(
        False,
        description="ivr with before-seat: leave the information message on a machine, after its beep, and call it no more; "
        "false: hang up",
    )
    machine_sample: Share = Field(
        0.0,
        description="with before-seat: this share (0-1) of the calls taken for machines is recorded from the answer on, for "
        "people to judge who answered, if the profile allows recordings",
    )
    abandoned_target: Share = Field(0.01, description="abandoned-call rate that pacing aims for, of live answers (0-1)")
    abandoned_limit: Share = Field(
        0.03, description="abandoned-call rate that stops dialling, over 24 hours and 30 days"
    )
    reserve: Reserve = Field(
        Reserve.WINDOW,
        description="when the limit must hold even if all calls in progress were abandoned: window (at the end of the day) or "
        "every-instant",
    )
    max_attempts: int = Field(3, ge=1, le=20, description="maximum attempts per number in this campaign")
    busy_retry_minutes: PositiveSeconds = Field(15, description="retry interval after busy")
    no_answer_retry_minutes: PositiveSeconds = Field(90, description="retry interval after no answer")
    other_retry_minutes: PositiveSeconds = Field(
        120, description="retry interval after not-yet, call-back, congestion, or a hang-up in the flow"
    )
    own_call_back_wait_minutes: PositiveSeconds = Field(
        15, description="how long a call-back waits for the agent who promised it, before any agent gets it"
    )
    abandoned_lock_hours: float = Field(72, ge=0, description="minimum time before an abandoned number is redialled")
    record: bool = Field(False, description="record conversations with agents, if the profile allows it")
    hours: tuple[Hours, ...] = Field(
        (Hours(start=time(9), until=time(21)),), description="calling hours; no call is placed outside them"
    )
    start_paused: bool = Field(False, description="a new campaign is paused until a supervisor starts it")
    declared: Declared | None = Field(
        None, description="a person's declaration of what a script does; required for AGI scripts"
    )

    def _find_contradicting_settings(self) -> Iterator[str]:
        if self.kind is CampaignKind.IVR and not self.flow:
            yield translatable("ivr-needs-flow", 'an `ivr` campaign needs a flow, such as `flow = "turnout"`')
        if self.kind is CampaignKind.AGENTS and self.flow:
            yield translatable(
                "agents-campaign-with-flow", 'an `agents` campaign plays no flow; remove `flow`, or set `kind = "ivr"`'
            )
        if self.kind is CampaignKind.IVR and self.script is not None:
            yield translatable(
                "ivr-with-script",
                'an `ivr` campaign has no agents to read a script; remove `script`, or set `kind = "agents"`',
            )
        if self.kind is CampaignKind.IVR and self.weight != 1.0:
            yield translatable(
                "ivr-with-weight",
                'an `ivr` campaign has no agents to share; remove `weight`, or set `kind = "agents"`',
            )
        if self.kind is CampaignKind.IVR and self.machine_detection is MachineDetection.AFTER_SEAT:
            yield 'an ivr campaign has no agents; set machine_detection = "before-seat" or "off"'
        if self.machine_message and (
            self.kind is not CampaignKind.IVR or self.machine_detection is MachineDetection.OFF
        ):
            yield 'machine_message needs kind = "ivr" and machine_detection = "before-seat"'
        if self.machine_sample and self.machine_detection is not MachineDetection.BEFORE_SEAT:
            yield 'machine_sample needs machine_detection = "before-seat"'
        if self.runs_agi_script and self.declared is None:
            yield "an AGI script needs [campaigns.declared], a declaration of what it does"
        if self.declared is not None and self.declared.asks_vote_choice:
            yield "no campaign may ask whom people vote for; remove the question"
        if self.preview_seconds is not None and self.pacing_policy is not PacingPolicy.PREVIEW:
            yield 'preview_seconds needs pacing = "preview"'
        if self.manual_dialling and self.pacing_policy not in {PacingPolicy.PREVIEW, PacingPolicy.PROGRESSIVE}:
            yield (
                "manual_dialling would lower the abandoned rate of a campaign that dials ahead; give manual calls a campaign of"
                ' their own, with pacing = "preview" or "progressive"'
            )
        if self.abandoned_target > self.abandoned_limit:
            rates = f"abandoned_target ({self.abandoned_target:g}) must not be above abandoned_limit ({self.abandoned_limit:g})"
            yield f"{rates}; rates are 0 to 1, 1 % is 0.01"

    @property
    def runs_agi_script(self) -> bool:
        """Whether the campaign runs an AGI script (a program) instead of a flow."""
        return self.flow is not None and self.flow.startswith("script:")

    @property
    def pacing_policy(self) -> PacingPolicy:
        """The pacing policy that the campaign sets, or else the default for its kind."""
        if self.pacing is not None or self.kind is CampaignKind.IVR:
            return self.pacing or PacingPolicy.BROADCAST
        # An abandoned booth worker would be lost for the day, and the calls are few.
        return PacingPolicy.PROGRESSIVE if self.purpose is Purpose.BOOTH_WORKERS else PacingPolicy.PREDICTIVE


class CampaignsFile(Section):
    """A file with additional campaigns: from headquarters, or set up on the page /campaigns."""

    campaigns: tuple[Campaign, ...] = Field((), description="as in the settings")


def read_campaign_files(folder: Path) -> list[dict[str, Any]]:
    """Return the campaigns that headquarters has sent to the centre, from all .toml files of a folder. Each file is
    checked by itself.

    Raises SettingError or SettingMistakes for invalid files.
    """
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.toml")):
        found += list_campaigns_in_text(read_settings_file(path, path.name, "have headquarters send it again"))
    return found


def list_campaigns_in_text(text: SettingsText) -> list[dict[str, Any]]:
    """Return the tables of a campaigns file, after a check of each.

    Raises SettingError or SettingMistakes for invalid campaigns, and for other settings than campaigns.
    """
    return list_tables_of_edited_file(text, CampaignsFile, "campaigns")
