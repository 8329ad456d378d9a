"""Find flows: shipped flows by name, and a site's own flows by the path of their file."""

from __future__ import annotations

from pathlib import Path

from dialer import content
from dialer.flows.check import check_flow
from dialer.flows.errors import FlowError, UnknownFlow
from dialer.flows.flow import Flow
from dialer.flows.load import FindFlow, load_flow_file, load_flow_text
from dialer.flows.model import Offer
from dialer.flows.texts import Texts
from dialer.flows.yaml_document import find_yaml_file

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
"""The rules of `check_flow` that a flow must pass before it may serve calls. Other findings are only warnings."""

FLOWS_DIRECTORY = content.IVR_FLOWS / "flows"


def list_shipped_flows() -> list[str]:
    """Return the names of the flows that come with Matdan, in alphabetical order."""
    return sorted(path.stem for path in FLOWS_DIRECTORY.glob("*.yaml"))


def load_flow(name_or_path: str) -> Flow:
    """Return the shipped flow with this name, or the flow in this .yaml file.

    A subdialog of a site's own flow is looked for in the directory of that flow, then among the shipped flows.

    Raises:
        UnknownFlow: no flow has this name or path.
        FlowError: the flow is invalid or cannot be read.
    """
    path = find_yaml_file(name_or_path, FLOWS_DIRECTORY)
    if path is None:
        raise UnknownFlow(name_or_path, list_shipped_flows())
    return load_flow_file(path, _make_subdialog_finder(path))


def load_flow_draft(text: str, path: Path) -> Flow:
    """Return the flow in `text`, an unsaved version of the file `path`. Raises FlowError.

    Subdialogs are looked for as by `load_flow`.
    """
    return load_flow_text(text, path, _make_subdialog_finder(path))


def _make_subdialog_finder(path: Path) -> FindFlow:
    return lambda name: find_yaml_file(name, path.parent) or find_yaml_file(name, FLOWS_DIRECTORY)


def refuse_flow_that_breaks_rules(flow: Flow, texts: Texts, may_offer: frozenset[Offer] = frozenset()) -> None:
    """Raise FlowError with the first problem if a flow breaks a rule. Calls may use only flows that pass.

    Args:
        texts: the texts of the flow's prompts.
        may_offer: the offers to voters (such as a ride) that the profile allows.
    """
    for finding in check_flow(flow, texts, may_offer=may_offer):
        if finding.rule in UNSAFE:
            raise FlowError(finding.file, finding.line, finding.node, finding.problem_and_rule)
