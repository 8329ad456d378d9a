"""The flow graph: frozen nodes, as loaded and validated. Nothing here knows YAML, a switch or a language.

The words are VoiceXML's where it has one (prompt, menu, choice, field, no-input, no-match, reprompt, record, transfer, subdialog,
goto, disconnect; https://www.w3.org/TR/voicexml20/), and election calling's where it has none (mark, opt-out).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from config.jurisdiction import Profile


def offers_allowed(profile: Profile) -> frozenset[Offer]:
    """What flows may offer under a profile."""
    return frozenset({Offer.TRANSPORT} if profile.transport.may_offer else ())


class Purpose(StrEnum):
    """What a flow is for. The rules ask it: what may be said in it, and whether a way to opt out must be offered."""

    TURNOUT = "turnout"  # asks whether, never whom
    MATERIAL = "material"  # campaign audio; needs certificates
    INFORMATION = "information"  # where and until when
    CONFIRMATION = "confirmation"  # of a missed call
    INBOUND = "inbound"  # the voter called us
    WORKER = "worker"  # a booth worker, not a voter
    OPT_OUT = "opt-out"
    ABANDONED = "abandoned"  # the information message when no agent was there
    PART = "part"  # only ever a subdialog of another flow


class Offer(StrEnum):
    """What a flow can offer that some jurisdictions forbid. A flow says so in its header, and the site's profile decides."""

    TRANSPORT = "transport"  # a ride to the poll


class PromptKind(StrEnum):
    """How the value of a prompt is spoken."""

    TEXT = "text"  # value: key of a text that each language has
    NUMBER = "number"  # as a number word: 42 is "forty-two"
    DIGITS = "digits"  # one by one: telephone numbers, serials that are read back
    DATE = "date"  # value: YYYY-MM-DD
    HOUR = "hour"  # value: HH:MM, 24 hours
    PLACE = "place"  # a booth, street or town
    NAME = "name"  # an organisation
    RECORDING = "recording"  # campaign audio by its catalogue name; plays only while its certificate holds


class MarkKind(StrEnum):
    """What a flow can record of a voter. There is none for the vote's choice, and there must not be."""

    VOTED = "voted"
    NOT_YET = "not-yet"
    LATER = "later"  # with the hour
    WILL_NOT = "will-not"
    WRONG_NUMBER = "wrong-number"
    MOVED = "moved"
    DECEASED = "deceased"


class Scope(StrEnum):
    """Whom a mark is about."""

    VOTER = "voter"  # the voter that the call was placed for
    HOUSEHOLD = "household"  # every pending voter on the number
    SERIAL = "serial"  # the elector of the worker's booth whose serial was keyed in


Scalar = str | int | bool


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as written in a flow. `value` is a text key for TEXT and RECORDING, else the name of a fact or answer.

    `needs` names the facts or answers that fill the text's placeholders, with the kind each is spoken as; a prompt of which one
    is unknown is left out whole, so that nobody hears half a sentence.
    """

    kind: PromptKind
    value: str
    needs: tuple[tuple[str, PromptKind], ...] = ()


@dataclass(frozen=True, slots=True)
class Reprompt:
    """What follows when a caller says nothing (no-input) or something else (no-match)."""

    reprompts: int  # how often it is asked again
    prompts: tuple[Prompt, ...]  # said before the question is asked again
    then: str  # node to go to when asking again has not helped


@dataclass(frozen=True, slots=True)
class Condition:
    """One case of a branch: true of what is known of the voter. Exactly one of the tests is set."""

    name: str  # of a fact or an answer
    goto: str
    known: bool | None = None
    equals: str | None = None
    above: int | None = None
    below: int | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """What every node has: its name, and the line of its file, for errors."""

    name: str
    line: int

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield (label, node) of every way out; a node that ends the flow has none."""
        yield from ()


@dataclass(frozen=True, slots=True)
class SayNode(Node):
    """Play prompts, then go on. With barge-in a key ends them, and is kept for the next question."""

    prompts: tuple[Prompt, ...]
    barge_in: bool
    next: str

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the one way on."""
        yield "", self.next


@dataclass(frozen=True, slots=True)
class MenuNode(Node):
    """Ask for one key of several."""

    prompts: tuple[Prompt, ...]
    barge_in: bool
    timeout_seconds: float
    choices: Mapping[str, str]
    answer: str | None  # the key is kept under this name
    no_input: Reprompt
    no_match: Reprompt

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield every choice, and what follows on silence and on other keys."""
        yield from self.choices.items()
        yield "no-input", self.no_input.then
        yield "no-match", self.no_match.then


@dataclass(frozen=True, slots=True)
class FieldNode(Node):
    """Collect digits. `lowest` and `highest` bound their value; a str names the fact that holds the bound.

    `reads` is DIGITS, NUMBER or HOUR: how the answer is spoken later, and, for HOUR, that 3 means 15:00 (see `polling_hour`).
    `one_of` names the fact that lists the values that are accepted, with commas; where it is unknown every value is.
    `choices` are what "#" (the terminator alone) and "*" lead to where they are keyed instead of digits.
    """

    prompts: tuple[Prompt, ...]
    barge_in: bool
    answer: str
    reads: PromptKind
    min_digits: int
    max_digits: int
    terminator: str  # "#", "*" or ""
    timeout_seconds: float  # until the first digit
    between_seconds: float  # between digits
    lowest: int | str | None
    highest: int | str | None
    one_of: str | None
    choices: Mapping[str, str]
    no_input: Reprompt
    no_match: Reprompt
    next: str

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on, the keys that lead elsewhere, and what follows on silence and on digits that are not accepted."""
        yield "", self.next
        yield from self.choices.items()
        yield "no-input", self.no_input.then
        yield "no-match", self.no_match.then


@dataclass(frozen=True, slots=True)
class BranchNode(Node):
    """Go where the first true condition says."""

    conditions: tuple[Condition, ...]
    otherwise: str

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield every case, and the way on when none is true."""
        for condition in self.conditions:
            yield describe_condition(condition), condition.goto
        yield "otherwise", self.otherwise


@dataclass(frozen=True, slots=True)
class MarkNode(Node):
    """Record a mark. The call goes to `next` only when it is committed, else to `failed`, or to `unknown` where nobody has the
    serial that was keyed.
    """

    mark: MarkKind
    scope: Scope
    hour: str | None  # name of the answer that holds the hour, for later
    serial: str | None  # name of the answer that holds the serial, for the scope serial
    part: str | None  # name of the answer that holds the serial's part; None: the worker has only one
    unknown: str | None  # for the scope serial
    count: str | None  # name of the answer that says how many of the household it is about; None: all of them
    next: str
    failed: str

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on after the commit, and the ways when it failed or nobody has the serial."""
        yield "committed", self.next
        yield "failed", self.failed
        if self.unknown is not None:
            yield "unknown", self.unknown


@dataclass(frozen=True, slots=True)
class TakeBackNode(Node):
    """Take back the last serial that was recorded in this call. `next` only when that is committed."""

    next: str
    nothing: str  # where there is none to take back
    failed: str

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on after the commit, and the ways when there was nothing to take back or it failed."""
        yield "committed", self.next
        yield "unknown", self.nothing
        yield "failed", self.failed


@dataclass(frozen=True, slots=True)
class OptOutNode(Node):
    """Record that this number is never called again. `next` only when it is committed."""

    next: str
    failed: str

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on after the commit, and the way when it failed."""
        yield "committed", self.next
        yield "failed", self.failed


@dataclass(frozen=True, slots=True)
class SaveNode(Node):
    """Commit answers that are no mark (how many at home, which slip was asked for)."""

    answers: tuple[str, ...]
    next: str
    failed: str

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on after the commit, and the way when it failed."""
        yield "committed", self.next
        yield "failed", self.failed


@dataclass(frozen=True, slots=True)
class RecordNode(Node):
    """Record what the caller says."""

    prompts: tuple[Prompt, ...]
    answer: str  # the recording's name is kept under this name
    max_seconds: float
    silence_seconds: float  # this much silence ends it
    terminator: str
    next: str
    failed: str

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on, and the way when nothing was recorded."""
        yield "recorded", self.next
        yield "failed", self.failed


@dataclass(frozen=True, slots=True)
class TransferNode(Node):
    """Hand the call to an agent; the flow ends there. `failed` when no agent can take it."""

    to: str  # name of the campaign or skill whose agents take it
    prompts: tuple[Prompt, ...]
    failed: str

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way when no agent can take it."""
        yield "failed", self.failed


@dataclass(frozen=True, slots=True)
class SmsNode(Node):
    """Send the caller an SMS from a template."""

    template: str
    needs: tuple[str, ...]  # facts or answers that fill it
    next: str
    failed: str

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on, and the way when it could not be sent."""
        yield "sent", self.next
        yield "failed", self.failed


@dataclass(frozen=True, slots=True)
class SubdialogNode(Node):
    """Run another flow's nodes, then go on here."""

    flow: str
    next: str

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on after the other flow returns."""
        yield "", self.next


@dataclass(frozen=True, slots=True)
class ReturnNode(Node):
    """The end of a flow that runs as a subdialog; in a flow that is nobody's subdialog, a disconnect."""


@dataclass(frozen=True, slots=True)
class GotoNode(Node):
    """Go on elsewhere."""

    next: str

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the one way on."""
        yield "", self.next


@dataclass(frozen=True, slots=True)
class DisconnectNode(Node):
    """Say goodbye and hang up."""

    prompts: tuple[Prompt, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Flow:
    """One version of a flow. `version` is a hash of its text and of its subdialogs' texts: the same text, the same version."""

    name: str
    version: str
    title: str
    purpose: Purpose
    start: str
    nodes: Mapping[str, Node]
    facts: Mapping[str, PromptKind]
    max_turns: int  # a call that has not ended after so many turns is ended
    file: str
    subflows: Mapping[str, Flow] = field(default_factory=dict)
    offers: frozenset[Offer] = frozenset()

    def flow_of(self, names: tuple[str, ...]) -> Flow:
        """The flow that the chain of subdialogs `names` leads to; () is this flow."""
        flow = self
        for name in names:
            flow = flow.subflows[name]
        return flow

    def parts(self) -> list[Flow]:
        """The flow and its subdialogs, each once."""
        found = {self.file: self}
        for subflow in self.subflows.values():
            found.update((part.file, part) for part in subflow.parts())
        return list(found.values())


def describe_condition(condition: Condition) -> str:
    """A case of a branch in words, for pictures and findings."""
    if condition.known is not None:
        return f"{condition.name} known" if condition.known else f"{condition.name} unknown"
    if condition.equals is not None:
        return f"{condition.name} is {condition.equals}"
    if condition.above is not None:
        return f"{condition.name} above {condition.above}"
    return f"{condition.name} below {condition.below}"


def prompts_of(node: Node) -> tuple[Prompt, ...]:
    """Every prompt that a node can play, its reprompts included."""
    if isinstance(node, MenuNode | FieldNode):
        return (*node.prompts, *node.no_input.prompts, *node.no_match.prompts)
    if isinstance(node, SayNode | RecordNode | TransferNode | DisconnectNode):
        return node.prompts
    return ()
