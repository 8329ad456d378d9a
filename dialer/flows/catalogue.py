"""Find flows by name or path: the shipped ones by name, a site's own by the path of their file."""

from __future__ import annotations

from dialer import content
from dialer.flows.check import check_flow
from dialer.flows.errors import FlowError, UnknownFlow
from dialer.flows.flow import Flow
from dialer.flows.load import load_file
from dialer.flows.model import Offer
from dialer.flows.texts import Texts
from dialer.flows.yaml_document import file_of

UNSAFE = frozenset(
    {
        "forbidden-question",
        "material",
        "missing-opt-out",
        "no-exit",
        "premature-acknowledgement",
        "silent-caller",
        "silent-loop",
        "transport",
    }
)
"""The rules of `check_flow` whose findings keep a flow from taking calls. A site can accept the others, such as a missing text."""

FLOWS_DIRECTORY = content.IVR_FLOWS / "flows"


def shipped_flows() -> list[str]:
    """Return the names of the flows that come with Matdan, in alphabetical order."""
    return sorted(path.stem for path in FLOWS_DIRECTORY.glob("*.yaml"))


def load_flow(name_or_path: str) -> Flow:
    """Return the shipped flow of that name, or the flow in that .yaml file.

    A subdialog of a site's flow is searched in the directory of its file first, then among the shipped flows. Raises
    UnknownFlow for an unknown name or path, FlowError for a flow that is wrong or cannot be read.
    """
    path = file_of(name_or_path, FLOWS_DIRECTORY)
    if path is None:
        raise UnknownFlow(name_or_path, shipped_flows())
    return load_file(path, lambda name: file_of(name, path.parent) or file_of(name, FLOWS_DIRECTORY))


def refuse_unsafe(flow: Flow, texts: Texts, may_offer: frozenset[Offer] = frozenset()) -> None:
    """Raise FlowError with the first `UNSAFE` finding of a flow.

    `texts` are those that it speaks; `may_offer` is what the profile allows.
    """
    for finding in check_flow(flow, texts, may_offer=may_offer):
        if finding.rule in UNSAFE:
            raise FlowError(finding.file, finding.line, finding.node, f"{finding.problem} [{finding.rule}]")
