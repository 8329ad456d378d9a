"""Where flows are found: the shipped ones by name, a site's own by path; and the library that a running dialler keeps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from dialer import content
from dialer.domain.enums import Purpose
from dialer.flows.check import check_flow
from dialer.flows.errors import FlowError, UnknownFlow
from dialer.flows.load import load_file
from dialer.flows.model import Offer
from dialer.flows.node import Flow
from dialer.flows.reader import file_of
from dialer.flows.script import ScriptLibrary
from dialer.flows.texts import Texts

UNSAFE = frozenset(
    {
        "forbidden-question",
        "material",
        "missing-opt-out",
        "no-exit",
        "silent-caller",
        "thanks-before-commit",
        "transport",
        "wordless-circle",
    }
)
"""Findings of `dialer flow check` with which a flow takes no call. The others (a text that is missing, a long prompt) a site may
live with: its own sounds need no text here.
"""

FLOWS_DIRECTORY = content.IVR_FLOWS / "flows"


def shipped_flows() -> list[str]:
    """The names of the flows that come with the project, in alphabetical order."""
    return sorted(path.stem for path in FLOWS_DIRECTORY.glob("*.yaml"))


def load_flow(name_or_path: str) -> Flow:
    """The shipped flow of that name, or the flow in that .yaml file.

    A subdialog of a site's flow is looked for beside its file first, then among the shipped flows. Raises UnknownFlow for a name
    that is not shipped and a path that is no file, FlowError for a flow that is wrong or cannot be read.
    """
    path = file_of(name_or_path, FLOWS_DIRECTORY)
    if path is None:
        raise UnknownFlow(name_or_path, shipped_flows())
    return load_file(path, lambda name: file_of(name, path.parent) or file_of(name, FLOWS_DIRECTORY))


def refuse_unsafe(flow: Flow, texts: Texts, may_offer: frozenset[Offer] = frozenset()) -> None:
    """Raise FlowError for a flow that must not meet a caller, with the first of its `UNSAFE` findings.

    `texts` are those that it speaks, `may_offer` is what the profile that holds allows.
    """
    for finding in check_flow(flow, texts, may_offer=may_offer):
        if finding.rule in UNSAFE:
            raise FlowError(finding.file, finding.line, finding.node, f"{finding.problem} [{finding.rule}]")


class FlowLibrary:
    """The flows that a running dialler uses. A call keeps the Flow that it began with; `reload` is for the next call.

    Earlier versions stay, so that a driver that keeps only a state between two requests can go on with `version_of`.
    """

    def __init__(
        self,
        sources: Iterable[str],
        texts: Texts,
        may_offer: frozenset[Offer] = frozenset(),
        scripts: ScriptLibrary | None = None,
        read_texts: Callable[[], Texts] | None = None,
    ) -> None:
        """`sources` are names and paths as `load_flow` takes them; `texts` are what they speak, `may_offer` is what the profile
        allows; `scripts` are read again with the flows, and so are the texts where `read_texts` does it.

        Raises FlowError for the first that is wrong or unsafe.
        """
        self.scripts = scripts or ScriptLibrary({})
        self._sources = tuple(sources)
        self.texts = texts
        self._read_texts = read_texts
        self._may_offer = may_offer
        self._current: dict[str, Flow] = {}
        self._versions: dict[tuple[str, str], Flow] = {}
        self.reload()

    def reload(self) -> list[str]:
        """Load every source again; the names of the flows and scripts that changed, and "texts" where these did. Raises FlowError,
        and then changes none.
        """
        again = self.texts if self._read_texts is None else self._read_texts()
        texts = self.texts if again == self.texts else again
        scripts, loaded = self.scripts.read(), self._load(self._sources, texts)
        changed = [flow.name for source, flow in loaded.items() if self._current.get(source) is not flow]
        changed += [] if texts is self.texts else ["texts"]
        self.texts = texts
        self._take(loaded)
        return changed + self.scripts.take(scripts)

    def prepared(self, sources: Collection[str], scripts: Mapping[str, tuple[str, Purpose]]) -> Callable[[], None]:
        """Load those of these sources, and of the `scripts` of campaigns, that are not used yet; what is returned has them and no
        others read again from then on. Calls end on what they began with. Raises FlowError, and changes nothing.
        """
        loaded = self._load(sorted(set(sources) - set(self._sources)), self.texts)
        use_scripts = self.scripts.prepared(scripts)

        def use() -> None:
            self._sources = tuple(sorted(sources))
            self._take(loaded)
            use_scripts()

        return use

    def _load(self, sources: Iterable[str], texts: Texts) -> dict[str, Flow]:
        fresh = {source: load_flow(source) for source in sources}
        for flow in fresh.values():
            if (flow.name, flow.version) not in self._versions or texts is not self.texts:
                refuse_unsafe(flow, texts, self._may_offer)
        return {source: self._versions.get((flow.name, flow.version), flow) for source, flow in fresh.items()}

    def _take(self, loaded: Mapping[str, Flow]) -> None:
        self._current = {**self._current, **loaded}
        self._versions.update(((flow.name, flow.version), flow) for flow in loaded.values())

    def current(self, source: str) -> Flow:
        """The version for a call that begins now. Raises UnknownFlow."""
        flow = self._current.get(source)
        if flow is None:
            raise UnknownFlow(source, self._sources)
        return flow

    def version_of(self, name: str, version: str) -> Flow:
        """The version that a call began with. Raises UnknownFlow when this process never had it."""
        flow = self._versions.get((name, version))
        if flow is None:
            raise UnknownFlow(f"{name} {version}", sorted(f"{known} {of}" for known, of in self._versions))
        return flow
