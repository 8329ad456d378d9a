"""[inbound]: inbound calls, by called number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from dialer.domain.enums import InboundMode
from dialer.settings.fields import Applied, NumberPrefix, Section, Slug


class InboundNumber(Section):
    """[[inbound.numbers]] - a number of the centre, and what happens to calls to this number."""

    number: NumberPrefix = Field(description="the called number, E.164: +911140000001")
    mode: InboundMode = Field(
        description="flow: a flow answers; agent: the caller waits for an agent; missed-call: not answered, but called back"
    )
    campaign: Slug = Field(description="campaign that the calls count for, and that calls back missed calls")
    flow: str | None = Field(None, description='with mode flow: a shipped flow\'s name ("inbound") or a YAML file')

    def _find_contradicting_settings(self) -> Iterator[str]:
        if (self.mode is InboundMode.FLOW) != (self.flow is not None):
            yield 'flow is required with mode = "flow", such as flow = "inbound", and not allowed with other modes'

    @property
    def runs_agi_script(self) -> bool:
        """Whether calls to this number run an AGI script (a program) instead of a flow."""
        return self.flow is not None and self.flow.startswith("script:")


class InboundSettings(Section):
    """[inbound] - inbound calls. Calls to numbers that are not listed are hung up unanswered."""

    applied: ClassVar[Applied] = Applied.RELOAD

    channels: int = Field(10, ge=0, le=10_000, description="maximum concurrent inbound calls")
    call_back_delay_seconds: float = Field(60.0, ge=0, description="time from a missed call to its call-back")
    numbers: tuple[InboundNumber, ...] = Field((), description="the centre's numbers")
